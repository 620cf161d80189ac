"""Open every page in a real Chromium, light and dark, wide and narrow: no error, no breach of the policy, no barrier."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Browser, Page

from access.actors import COMMAND
from access.models import ApiKey
from customers.models import Customer
from dashboard.tests import world
from events.models import EventConflict, RefusedRequest
from invoices import drafting
from invoices.models import Invoice
from jobs.models import Job
from meters.models import Meter
from products import next_points
from products.models import Product, Subscription
from tests.browser.chromium import chromium, complaints_of
from tests.live import server
from webhooks import endpoints, outbox
from webhooks.models import WebhookEndpoint

LOOKS = [((1440, 900), "light"), ((390, 844), "dark")]
SERIOUS = {"serious", "critical"}
USER, PASSWORD = "one-owner", "correct horse battery"

pytestmark = pytest.mark.django_db(transaction=True)


def addresses() -> list[str]:
    """List every page, with one example where it needs one."""
    lists = (
        "home",
        "meters",
        "events",
        "refused",
        "refused_events",
        "refused_requests",
        "conflicts",
        "delivery",
        "customers",
        "customer_new",
        "subscriptions",
        "products",
        "invoices",
        "receivables",
        "late_usage",
        "review",
        "verifications",
        "jobs",
        "webhooks",
        "webhook_create",
        "keys",
        "subscription_new",
        "product_new",
        "key_create",
        "meter_new",
    )
    examples = {
        "meter": Meter, "meter_edit": Meter, "meter_archive": Meter, "meter_what_if": Meter,
        "meter_events": Meter, "meter_customers": Meter, "customer": Customer, "customer_edit": Customer, "subscription": Subscription,
        "subscription_change": Subscription,
        "product": Product, "product_edit": Product, "product_simulate": Product,
        "invoice": Invoice, "job": Job, "webhook": WebhookEndpoint,
    }  # fmt: skip
    found = [reverse(f"dashboard:{name}") for name in lists]
    found += [reverse(f"dashboard:{name}", args=[model.objects.order_by("id")[0].public_id]) for name, model in examples.items()]
    one, other = Meter.objects.order_by("id")[:2]
    found += [
        f"{reverse('dashboard:meter', args=[one.public_id])}?compare={other.public_id}&range=30d",
        f"{reverse('dashboard:meter_events', args=[one.public_id])}?show=left_out",
        f"{reverse('dashboard:meter_events', args=[one.public_id])}?show=near",
    ]
    draft = Invoice.objects.filter(status="draft")[0]
    return [
        *found,
        reverse("dashboard:invoice", args=[draft.public_id]),
        reverse("dashboard:invoice_void", args=[Invoice.objects.filter(status="issued").order_by("id")[0].public_id]),
        reverse("dashboard:refused_request", args=[RefusedRequest.objects.get().pk]),
        reverse("dashboard:conflict", args=[EventConflict.objects.get().pk]),
        reverse("dashboard:delivery_key", args=[ApiKey.objects.get(name="Key 1").public_id]) + "?span=90d",
        f"{reverse('dashboard:event')}?id=call%2F1%2Flong",
        f"{reverse('dashboard:event_correct')}?id=call%2F1",
        reverse("dashboard:event_voids"),
        f"{reverse('dashboard:find')}?q=W",
        f"{reverse('dashboard:invoices_pay')}?invoice={Invoice.objects.filter(status='issued').order_by('id')[0].public_id}",
        reverse("password_change"),
    ]


@pytest.fixture
def site(db: None) -> Iterator[str]:
    world.deployment(size=3)
    world.signed_in()
    outbox.tell_one(endpoints.create(url="https://example.com/webhooks", now=world.NOW), now=world.NOW)
    longest = Customer.objects.order_by("id")[0]
    Customer.objects.filter(pk=longest.pk).update(name="W" * 200)
    world.event(longest, event_id="call/1/long", at=world.NOW, note="n" * 400)
    world.refusal_and_conflict(longest)
    subscription = Subscription.objects.order_by("id")[0]
    next_points.store(subscription, 2, world.START.replace(month=10))
    drafting.draft_points(subscription=subscription, now=world.NOW, actor=COMMAND)
    with server() as address:
        yield address


def browser_page(browser: Browser, look: tuple[tuple[int, int], str]) -> Page:
    (width, height), scheme = look
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id="Asia/Kolkata")
    return context.new_page()


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/login")
    page.fill("[name=username]", USER)
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"{site}/")


def drawn(page: Page) -> None:
    """Wait for the charts of the page."""
    if page.locator("[data-figure]").count():
        page.wait_for_selector("[data-drawn]", timeout=15_000)


def barriers(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['help']} at {one['nodes'][0]['target']}" for one in found if one["impact"] in SERIOUS]


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0][0]}-{look[1]}")
def test_every_page_is_clean_and_fits(site: str, look: tuple[tuple[int, int], str]) -> None:
    # Playwright keeps an event loop running in this thread, in which Django refuses to ask the database: so all is asked before.
    pages = addresses()
    faults = []

    with chromium() as browser:
        page = browser_page(browser, look)
        complaints = complaints_of(page)
        page.goto(f"{site}/login")
        faults += [f"/login: {one}" for one in barriers(page)]
        sign_in(page, site)
        for address in pages:
            response = page.goto(f"{site}{address}")
            assert response is not None
            assert response.status == 200, address
            drawn(page)
            faults += [f"{address}: {one}" for one in barriers(page)]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append(f"{address}: wider than the window")
            faults += [f"{address}: {complaint}" for complaint in complaints]
            complaints.clear()

    assert faults == []


def press(page: Page, *keys: str, until: str) -> None:
    """Press keys one after another, then wait until an element is there; a capital word is a key, the rest is typed."""
    for key in keys:
        if key in ("Tab", "Enter"):
            page.keyboard.press(key)
        else:
            page.keyboard.type(key)
    page.wait_for_selector(until)


def make_a_meter_by_keyboard(page: Page, site: str) -> None:
    """Nest a filter three levels deep with nothing but keys, go back by the browser, and create the meter."""
    page.goto(f"{site}{reverse('dashboard:meter_new')}")
    press(page, "Deep", "Tab", "api.call", "Enter", until="[name=aggregation]:focus")
    press(page, "Tab", "calls", "Enter", until="#filter-add:focus")
    press(page, "Enter", until="#filter-0-key:focus")
    press(page, "region", "Tab", "Tab", "Tab", "eu", "Tab", "Tab", "Tab", "Enter", until="#filter-1-0-key:focus")
    press(page, "size", "Tab", "Tab", "number", "Tab", "0.10", "Tab", "Tab", "Tab", "Enter", until="#filter-1-1-0-key:focus")
    press(page, "id", "Tab", "Tab", "number", "Tab", "12345678901234567890", "Enter", until=".review-sentence")
    page.go_back()
    page.wait_for_selector("[name='filter.1.0.value'][value='0.10']")
    page.focus("#filter-0-key")
    press(page, "Enter", until=".review-sentence")
    assert "would have counted 0" in page.locator("#preview").text_content()
    press(page, "Tab", "Tab", "Tab", "Enter", until=".page-sub")
    page.wait_for_url(f"{site}/meters/mtr_*")
    sentence = "region is “eu” and (size is 0.1 or (id is 12,345,678,901,234,567,890))"
    assert sentence in page.locator(".page-sub").text_content()


def name_a_customer_by_typing(page: Page, site: str) -> None:
    """Type a part of a name, take what is offered, and see that customer's events alone."""
    page.goto(f"{site}{reverse('dashboard:events')}")
    page.focus("[name=customer_id]")
    page.keyboard.type("omer 2")
    page.wait_for_selector("#customer_id-choices option[value='Customer 2']", state="attached")
    assert page.locator("#customer_id-choices option").count() == 1
    page.fill("[name=customer_id]", "Customer 2")
    page.keyboard.press("Enter")
    page.wait_for_url("**customer_id=**")
    assert "call/2" in page.locator("tbody").text_content()
    assert "call/1" not in page.locator("tbody").text_content()


def be_led_to_what_is_wrong(page: Page, site: str) -> None:
    """Send a form that the server refuses: what is wrong has the focus and the colour of errors, and all keeps what was typed."""
    page.goto(f"{site}{reverse('dashboard:customer_new')}")
    page.fill("[name=name]", "عميل 🧾")
    page.fill("[name=email]", "a@b@c")
    page.evaluate("document.querySelector('main form').noValidate = true")
    page.locator("main form button[type=submit]").click()
    page.wait_for_selector("[name=email]:focus[aria-invalid=true]")
    assert (page.input_value("[name=name]"), page.input_value("[name=email]")) == ("عميل 🧾", "a@b@c")
    page.evaluate("document.activeElement.blur()")
    red, of_another = (
        page.evaluate(f"getComputedStyle(document.querySelector('[name={name}]')).borderColor") for name in ("email", "name")
    )
    assert red != of_another


def find_by_keyboard(page: Page, site: str) -> None:
    """Open the page that finds anything with its keys, where the field itself is in the closed menu, and go where a number leads."""
    page.goto(f"{site}{reverse('dashboard:jobs')}")
    page.evaluate("document.body.dispatchEvent(new Event('keydown', {bubbles: true}))")  # as a browser that fills a form in does
    page.keyboard.press("Control+k")
    page.wait_for_selector("main [name=q]:focus")
    press(page, "000002", "Enter", until="h1:has-text('INV-2026-000002')")


def price_a_product_by_keyboard(page: Page, site: str) -> None:
    """Add and take out rows and tiers with nothing but keys; the focus is where the work goes on, and what changed is said."""
    page.goto(f"{site}{reverse('dashboard:product_new')}")
    said = page.locator("#announcer")
    assert page.locator("[data-row]").count() == 0
    page.fill("[name=name]", "By keyboard")
    page.focus("[data-rows=meters] [data-add]")
    press(page, "Enter", until="[name=meters-0-meter]:focus")
    assert said.text_content() == "Meter 1: added"
    assert not page.locator("[name=meters-0-package_size]").is_visible()
    page.select_option("[name=meters-0-meter]", index=1)
    page.select_option("[name=meters-0-price_model]", "graduated")
    page.focus(".tiers > .btn")
    press(page, "Enter", until=".tier:nth-of-type(1) input:focus")
    press(page, "1000", "Tab", "0.02", until=".tier:nth-of-type(1)")
    page.focus(".tiers > .btn")
    press(page, "Enter", until=".tier:nth-of-type(2) input:focus")
    press(page, "Tab", "0.01", "Tab", "5", until=".tier:nth-of-type(2)")
    assert page.locator("[name=meters-0-tiers]").input_value() == "1000 0.02\n* 0.01 5"
    page.focus("[data-rows=meters] [data-add]")
    press(page, "Enter", until="[name=meters-1-meter]:focus")
    page.focus("[data-row]:nth-of-type(2) [data-take-out]")
    press(page, "Enter", until="[data-row]:nth-of-type(2) [data-gone]:not([hidden])")
    assert said.text_content() == "Meter 2: removed when you save"
    page.locator("main form button[type=submit]").press("Enter")
    page.wait_for_url(f"{site}/products/pdt_*")
    assert "By keyboard" in page.locator("h1").text_content()


def test_the_page_is_alive(site: str) -> None:
    """A chart, the reader's zone, the theme, the menu of a narrow screen; a customer named, a meter and a product made."""
    meter = reverse("dashboard:meter", args=[Meter.objects.order_by("id")[0].public_id])
    with chromium() as browser:
        page = browser_page(browser, ((390, 844), "light"))
        complaints = complaints_of(page)
        sign_in(page, site)

        page.goto(f"{site}{meter}")
        drawn(page)
        page.locator(".chart").scroll_into_view_if_needed()
        box = page.locator(".chart").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.6)
        page.wait_for_selector(".hoverlayer text")
        assert {"This month", "Previous period"} <= set(page.locator(".legend .legendtext").all_text_contents())
        rules = page.evaluate("document.getElementById('plotly.js-style-global').sheet.cssRules.length")
        assert rules > 10

        page.goto(f"{site}{reverse('dashboard:events')}")
        zone = "new Date(document.querySelector('td time').dateTime).getTimezoneOffset()"
        assert page.evaluate(zone) == -330
        assert "UTC" not in page.locator("td time").first.text_content()

        page.click("[popovertarget=sidebar]")
        page.click("#sidebar [data-theme-choice=dark]")
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.click("[popovertarget=sidebar]")
        page.keyboard.press("Escape")
        assert not page.locator("#sidebar").is_visible()
        name_a_customer_by_typing(page, site)
        be_led_to_what_is_wrong(page, site)
        find_by_keyboard(page, site)
        make_a_meter_by_keyboard(page, site)
        price_a_product_by_keyboard(page, site)

    assert complaints == []
