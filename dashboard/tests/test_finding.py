from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from credits.models import CreditGrant
from customers.models import Customer
from dashboard.reading import finding
from dashboard.tests import world
from invoices.models import Invoice
from jobs.models import Job
from meters.models import Meter
from products.models import Product, Subscription
from webhooks.models import WebhookEndpoint

pytestmark = pytest.mark.django_db


def address(text: str) -> str:
    return f"{reverse('dashboard:find')}?{urlencode({'q': text})}"


def found(text: str) -> list[finding.Group]:
    return finding.find(text, may=lambda _page: True)


def test_what_is_meant_alone_opens_at_once() -> None:
    world.deployment(size=2)
    one = Customer.objects.get(name="Customer 2")
    Customer.objects.filter(pk=one.pk).update(external_id="acme", email="bills@acme.example")
    owner = world.signed_in()
    kinds: dict[str, Any] = {
        "customer": Customer, "invoice": Invoice, "subscription": Subscription, "meter": Meter, "product": Product,
        "grant": CreditGrant, "job": Job,
    }  # fmt: skip
    texts = {model.objects.order_by("id")[0].public_id: name for name, model in kinds.items()}
    opened = {text: reverse(f"dashboard:{name}", args=[text]) for text, name in texts.items()}
    of_one = reverse("dashboard:customer", args=[one.public_id])
    opened |= {"acme": of_one, "Bills@ACME.example": of_one, "call/2": reverse("dashboard:event") + "?id=call%2F2"}
    invoice = reverse("dashboard:invoice", args=[Invoice.objects.get(number="INV-2026-000002").public_id])
    opened |= dict.fromkeys(("INV-2026-000002", "inv-2026-000002", "000002", "#2"), invoice)

    for text, url in opened.items():
        assert owner.get(address(f" {text} ")).headers.get("Location") == url, text


def test_keys_and_endpoints_are_found_by_those_who_may_see_their_pages() -> None:
    endpoint = WebhookEndpoint.objects.create(url="https://hooks.example/in", created_at=world.NOW, updated_at=world.NOW)
    key = world.any_key()
    opened = {
        endpoint.public_id: reverse("dashboard:webhook", args=[endpoint.public_id]),
        endpoint.url: reverse("dashboard:webhook", args=[endpoint.public_id]),
        key.public_id: reverse("dashboard:delivery_key", args=[key.public_id]),
    }

    for role in ("operator", "viewer"):
        client = world.signed_in(role)
        led = [client.get(address(text)).headers.get("Location") for text in opened]
        assert led == [url if role == "operator" or "deliver" in url else None for url in opened.values()]


def test_a_refused_event_is_found_by_its_id() -> None:
    world.refusal_and_conflict(world.customer())

    assert [hit.title for group in found("bad") for hit in group.hits] == ["bad"]


def test_parts_of_names_are_listed_and_what_is_cut_has_a_list() -> None:
    for number in range(10):
        world.customer(f"Papaya {number}")
    world.meter("Papaya calls")

    groups = {group.title: group for group in found("papaya")}

    assert [hit.title for hit in groups["Customers"].hits] == [f"Papaya {number}" for number in range(finding.SHOWN)]
    assert groups["Customers"].more == reverse("dashboard:customers") + "?search=papaya"
    assert (groups["Meters"].more, list(groups)) == (None, ["Customers", "Meters"])


def test_two_of_one_e_mail_address_are_offered_before_those_that_only_hold_it() -> None:
    for name, email in (("Alpha", "old.ap@papaya.example"), ("Beta", "ap@papaya.example"), ("Gamma", "ap@papaya.example")):
        Customer.objects.filter(pk=world.customer(name).pk).update(email=email)

    groups = found("ap@papaya.example")

    assert [(hit.title, hit.is_meant) for hit in groups[0].hits] == [("Beta", True), ("Gamma", True), ("Alpha", False)]
    assert finding.only(groups) is None


@pytest.mark.parametrize("text", ["'; --", "%", "\N{PILE OF POO}", "9" * 400, "²", "<b>", "#"])
def test_any_text_is_answered(text: str) -> None:
    shown = world.signed_in().get(address(text)).content.decode()

    assert "Nothing is called so" in shown
    assert "<b>" not in shown


@pytest.mark.parametrize(("text", "said"), [("", "This field is required."), ("x" * 501, "at most 500")])
def test_what_cannot_be_looked_for_is_said_beside_the_field(text: str, said: str) -> None:
    assert said in world.signed_in().get(address(text)).content.decode()
