import itertools
import re
from typing import Any

import pytest
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from access.models import ApiKey, User
from core.models import Deployment
from customers.models import Customer
from dashboard.tests import world
from invoices.models import Invoice
from invoices.tests import story
from jobs.models import Job, JobFile, JobFileChunk
from meters.models import Meter
from products.models import Product, Subscription
from products.tests import making

# Session, user and roles come with every page.
LISTS = {
    "meters": 11,
    "customers": 9,
    "products": 12,
    "subscriptions": 10,
    "invoices": 9,
    "jobs": 9,
    "keys": 9,
    "home": 35,
    "events": 12,
    "refused": 10,
    "refused_events": 10,
    "refused_requests": 10,
    "conflicts": 10,
    "delivery": 12,
    "webhooks": 9,
    "receivables": 12,
}
DETAILS = {
    "meter": (Meter, 26),
    "meter_customers": (Meter, 24),
    "meter_events": (Meter, 16),
    "customer": (Customer, 34),
    "product": (Product, 12),
    "subscription": (Subscription, 32),
    "invoice": (Invoice, 14),
    "job": (Job, 10),
}
INLINE = re.compile(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)")


@pytest.fixture
def owner(db: None) -> Client:
    return world.signed_in()


def pages() -> dict[str, str]:
    """Name every page with the address of one example."""
    lists = {name: reverse(f"dashboard:{name}") for name in LISTS}
    details = {
        name: reverse(f"dashboard:{name}", args=[model.objects.order_by("id").last().public_id])
        for name, (model, _) in DETAILS.items()
    }
    event = f"{reverse('dashboard:event')}?id=call%2F1"
    return {
        **lists,
        **details,
        "key_create": reverse("dashboard:key_create"),
        "event": event,
        "find": f"{reverse('dashboard:find')}?q=customer",
        "event_voids": reverse("dashboard:event_voids"),
        "event_correct": event.replace("/event?", "/event/correct?"),
    }


def test_every_page_opens_and_has_nothing_inline(owner: Client) -> None:
    world.deployment(size=2)

    for name, address in pages().items():
        response = owner.get(address)

        assert response.status_code == 200, name
        assert not INLINE.search(response.content.decode()), name
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]


def test_every_list_says_what_to_do_next_when_it_is_empty(owner: Client) -> None:
    for name in set(LISTS) - {"home"}:
        assert 'class="empty' in owner.get(reverse(f"dashboard:{name}")).content.decode(), name


def test_a_list_that_is_empty_offers_to_make_the_first_one_to_those_who_may(owner: Client) -> None:
    makers = {
        "meters": "meter_new", "customers": "customer_new", "products": "product_new", "subscriptions": "subscription_new",
        "webhooks": "webhook_create", "keys": "key_create",
    }  # fmt: skip
    viewer = world.signed_in("viewer")

    for name, maker in makers.items():
        link = f'href="{reverse(f"dashboard:{maker}")}"'
        assert owner.get(reverse(f"dashboard:{name}")).content.decode().count(link) == 2, name  # at the top and in the middle
        assert link not in viewer.get(reverse(f"dashboard:{name}")).content.decode(), name


def test_a_filter_that_matches_nothing_says_so(owner: Client) -> None:
    world.deployment(size=1)

    for name, query in {"customers": "search=zzz", "invoices": "status=void", "products": "archived=true"}.items():
        assert "matches" in owner.get(f"{reverse(f'dashboard:{name}')}?{query}").content.decode(), name


def queries(client: Client, address: str) -> int:
    """Count the statements of one request; Django's own counter cannot read composed SQL."""
    count = itertools.count()

    def counting(execute: Any, *arguments: Any) -> Any:
        next(count)
        return execute(*arguments)

    with connection.execute_wrapper(counting):
        client.get(address)
    return next(count)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_few_queries_however_long_it_is(owner: Client, name: str) -> None:
    world.deployment(size=1)
    address = reverse(f"dashboard:{name}")
    queries(owner, address)
    short = queries(owner, address)

    for number in range(2, 12):
        one = world.customer(f"More {number}")
        carried = world.subscription(one, Product.objects.order_by("id")[0])
        world.invoice(carried, number=number)
        world.product(Meter.objects.order_by("id")[0], name=f"More {number}")
        world.meter(f"More {number}")

    assert queries(owner, address) == short <= LISTS[name]


@pytest.mark.parametrize("name", DETAILS)
def test_a_page_of_one_costs_few_queries(owner: Client, name: str) -> None:
    world.deployment(size=3)
    model, most = DETAILS[name]

    assert queries(owner, reverse(f"dashboard:{name}", args=[model.objects.order_by("id")[0].public_id])) <= most


def test_an_unknown_id_is_not_found(owner: Client) -> None:
    for name in DETAILS:
        assert owner.get(reverse(f"dashboard:{name}", args=["cus_nobody"])).status_code == 404, name


def test_a_secret_is_shown_once_and_never_again(owner: Client) -> None:
    response = owner.post(reverse("dashboard:key_create"), {"name": "Gateway", "scope": "ingest"})
    secret = re.search(r"tb_[\w-]{20,}", response.content.decode()).group()

    key = ApiKey.objects.get()
    assert (key.name, key.scope, key.created_by.partition(":")[0]) == ("Gateway", "ingest", "user")
    assert response.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert secret not in owner.get(reverse("dashboard:keys")).content.decode()


def test_a_key_without_a_name_is_asked_for_again(owner: Client) -> None:
    response = owner.post(reverse("dashboard:key_create"), {"name": "", "scope": "ingest"})

    assert "This field is required." in response.content.decode()
    response = owner.post(reverse("dashboard:key_create"), {"name": "\u200b", "scope": "ingest"})
    assert "name is blank: give at least one character that is not a space." in response.content.decode()
    assert not ApiKey.objects.exists()


def test_revoking_says_so_and_twice_is_no_error(owner: Client) -> None:
    key = world.any_key()
    address = reverse("dashboard:key_revoke", args=[key.public_id])

    assert "is revoked" in owner.post(address, follow=True).content.decode()
    assert "was revoked before" in owner.post(address, follow=True).content.decode()
    assert ApiKey.objects.get().revoked_at is not None


def test_the_menu_shows_only_what_opens(db: None) -> None:
    page = world.signed_in("viewer").get("/").content.decode()

    assert 'href="/customers"' in page
    assert 'href="/keys"' not in page


def test_the_exported_list_is_the_filtered_one(owner: Client) -> None:
    world.deployment(size=2)
    number = Invoice.objects.order_by("id")[0].number

    response = owner.get(reverse("dashboard:invoices_export"), {"search": number})
    rows = b"".join(response.streaming_content).decode().splitlines()

    assert response.headers["Content-Disposition"] == 'attachment; filename="invoices.csv"'
    assert [row.split(",")[0] for row in rows] == ["number", number]


def test_the_lines_can_be_exported_too(owner: Client) -> None:
    response = owner.get(reverse("dashboard:invoices_export"), {"of": "lines"})

    assert b"".join(response.streaming_content).startswith(b"number,invoice_id,line_id")


def test_a_job_can_be_cancelled_and_taken_up_again(owner: Client) -> None:
    job = Job.objects.create(kind="demo", created_at=world.NOW, created_by="system:test")

    cancelled = owner.post(reverse("dashboard:job_cancel", args=[job.public_id]), follow=True).content.decode()
    assert "Take it up again" in cancelled
    assert "had ended already" in owner.post(reverse("dashboard:job_cancel", args=[job.public_id]), follow=True).content.decode()

    resumed = owner.post(reverse("dashboard:job_resume", args=[job.public_id]), follow=True).content.decode()
    assert "Cancel the job" in resumed


def test_what_a_job_made_is_saved_and_not_opened(owner: Client) -> None:
    job = Job.objects.create(kind="demo", status="done", created_at=world.NOW, created_by="system:test")
    made = JobFile.objects.create(job=job, name="invoices &c.csv", content_type="text/csv", size=3)
    JobFileChunk.objects.create(file=made, number=0, body=b"a,b")

    response = owner.get(reverse("dashboard:job_file", args=[job.public_id, made.name]))

    assert b"".join(response.streaming_content) == b"a,b"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert "invoices &amp;c.csv" in owner.get(reverse("dashboard:job", args=[job.public_id])).content.decode()


@pytest.mark.parametrize("template", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html", "503.html", "locked.html"])
def test_an_error_page_needs_nothing_but_itself(template: str) -> None:
    shown = render_to_string(template)

    assert "<h1>" in shown
    assert not INLINE.search(shown)


def test_who_may_not_open_a_page_is_told_as_whom_and_has_a_way_on(db: None) -> None:
    viewer = world.signed_in("viewer").get(reverse("dashboard:keys"))
    member = Client()
    member.force_login(User.objects.create_user("nobody-yet", password="correct horse battery"))
    nothing = member.get(reverse("dashboard:home"))

    assert (viewer.status_code, nothing.status_code) == (403, 403)
    assert "You are signed in as one-viewer." in viewer.content.decode()
    assert "Go to the overview" in viewer.content.decode()
    assert "You have no role yet" in nothing.content.decode()
    assert "Go to the overview" not in nothing.content.decode()
    for response in (viewer, nothing):
        assert f'action="{reverse("logout")}"' in response.content.decode()


def test_a_page_of_a_server_of_the_former_billing_zone_says_what_to_do(owner: Client, settings: Any) -> None:
    world.deployment(size=1)
    Deployment.objects.update(billing_time_zone="Asia/Tokyo")

    response = owner.get(reverse("dashboard:meter", args=[Meter.objects.order_by("id")[0].public_id]))

    assert (response.status_code, response.headers["Cache-Control"]) == (503, "private, no-store")
    assert "Start every process with Asia/Tokyo, or run" in response.content.decode()


def test_the_overview_refreshes_its_figures_only(owner: Client) -> None:
    world.deployment(size=1)
    part = owner.get("/", headers={"HX-Request": "true"}).content.decode()

    assert part.startswith('<dl class="stats" id="figures"')
    assert "Latest invoices" not in part


def test_a_meter_refreshes_its_figures_only(owner: Client) -> None:
    world.deployment(size=1)
    address = reverse("dashboard:meter", args=[Meter.objects.order_by("id")[0].public_id])

    assert owner.get(address, headers={"HX-Request": "true"}).content.decode().startswith('<dl class="stats" id="figures"')


def test_a_draft_without_figures_says_why(owner: Client) -> None:
    subscription = story.begin(making.customer(), making.product(fee=1), "2026-01-01")
    story.bill("2026-03-01")
    Subscription.objects.filter(id=subscription.id).update(ends_at=making.utc("2026-01-15"))  # no verb does so any more
    draft = Invoice.objects.get(point=2)

    page = owner.get(reverse("dashboard:invoice", args=[draft.public_id])).content.decode()

    assert "has no billing point 2" in page
    assert owner.get(reverse("dashboard:customer", args=[draft.customer.public_id])).status_code == 200
