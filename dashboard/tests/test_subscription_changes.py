"""Beginning and changing subscriptions on their pages: what is shown before it is confirmed is what is done."""

import re
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.tests import world
from invoices.models import Invoice
from invoices.tests import story
from products import pause
from products.models import Subscription
from products.subscribe import Extras
from products.tests import making

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Client:
    return world.signed_in()


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def begun(client: Client, **fields: Any) -> Subscription:
    making.customer("Papaya Maps")
    product = making.product(fee=4900, name="Team")
    sent = {"customer": "papaya", "product": product.public_id, "quantity": 2, **fields}
    shown = text_of(client.post(reverse("dashboard:subscription_new"), sent))
    assert "Team × 2" in shown
    assert "$98.00" in shown
    assert not Subscription.objects.exists()

    assert client.post(reverse("dashboard:subscription_new"), {**sent, "confirmed": "1"}).status_code == 302
    return Subscription.objects.get()


def ask(client: Client, subscription: Subscription, action: str, **fields: Any) -> str:
    """Preview an action, see that nothing was written, and confirm it; give what the preview said."""
    address = reverse("dashboard:subscription_change", args=[subscription.public_id])
    before = Subscription.objects.values().get()
    shown = text_of(client.post(address, {"action": action, **fields}))
    assert Subscription.objects.values().get() == before
    answer = client.post(address, {"action": action, "confirmed": "1", **fields})
    assert answer.status_code == 302, text_of(answer)
    return shown


def test_a_subscription_is_begun_changed_paused_and_cancelled(owner: Client) -> None:
    subscription = begun(owner)
    assert Invoice.objects.get().kind == "opening"
    new = making.product(fee=9900, name="Scale")

    shown = ask(owner, subscription, "product", product=new.public_id, quantity=1, when="same_cycle")
    assert "Team × 2 (unused)" in shown
    assert "Scale" in shown
    assert Invoice.objects.filter(point=1).exists()

    assert "None: nothing is billed at this instant." in ask(owner, subscription, "pause")
    assert Subscription.objects.get().status == "paused"
    page = reverse("dashboard:subscription", args=[subscription.public_id])
    assert "Paused since" in text_of(owner.get(page))
    ask(owner, subscription, "resume")

    old = making.product(fee=100, name="Basic")
    ask(owner, subscription, "product", product=old.public_id, quantity=1, when="next_cycle")
    assert "Next product Basic from" in text_of(owner.get(page))
    ask(owner, subscription, "take_back")

    ask(owner, subscription, "cancel", at="end")
    assert Subscription.objects.get().cancel_at_next_billing_date
    ask(owner, subscription, "keep")
    assert "Scale (unused)" in ask(owner, subscription, "cancel", at="now", prorate="on", comment="moved away")
    assert Subscription.objects.get().cancellation_comment == "moved away"
    assert "Nothing can be changed any more" in text_of(
        owner.get(reverse("dashboard:subscription_change", args=[subscription.public_id]))
    )


def test_a_refusal_goes_back_to_its_form(owner: Client) -> None:
    subscription = begun(owner)
    address = reverse("dashboard:subscription_change", args=[subscription.public_id])

    yen = making.product(currency="JPY", name="Yen")
    shown = text_of(owner.post(address, {"action": "product", "product": yen.public_id, "quantity": 1, "when": "same_cycle"}))

    assert "This product is sold in JPY, the subscription is billed in USD." in shown
    shown = text_of(owner.post(address, {"action": "date", "date": timezone.now().date().isoformat()}))
    assert "next_billing_date must be a future date" in shown
    for date in ("0001-01-01", "9999-12-31"):
        assert "Ensure this value is" in text_of(owner.post(address, {"action": "date", "date": date}))
    assert "No customer is called so." in text_of(
        owner.post(reverse("dashboard:subscription_new"), {"customer": "nobody", "product": yen.public_id, "quantity": 1})
    )


def test_who_may_not_change_sees_no_button(owner: Client) -> None:
    subscription = begun(owner)
    page = reverse("dashboard:subscription", args=[subscription.public_id])
    change = reverse("dashboard:subscription_change", args=[subscription.public_id])
    finance = world.signed_in("finance")

    assert change in owner.get(page).content.decode()
    assert change not in finance.get(page).content.decode()
    assert finance.post(change, {"action": "pause", "confirmed": "1"}).status_code == 403


def test_a_product_is_archived_and_brought_back(owner: Client) -> None:
    product = making.product(name="Team")
    page = reverse("dashboard:product", args=[product.public_id])

    shown = owner.post(reverse("dashboard:product_archive", args=[product.public_id]), follow=True)
    assert "Team is sold no more; its subscriptions go on." in text_of(shown)
    owner.post(reverse("dashboard:product_unarchive", args=[product.public_id]))

    assert "Archive" in text_of(owner.get(page))


def test_a_trial_and_a_pause_that_last_say_what_they_used_and_what_it_comes_to(owner: Client) -> None:
    calls, seats = making.meter("call"), making.meter("seat", "max", "n")
    sold = making.product(making.per_unit(calls, "250", free_threshold=2), making.per_unit(seats, "1000"), fee=4900)
    acme = making.customer("Acme")
    subscription = story.begin(acme, sold, "2026-01-01", extras=Extras(trial_period_days=14))
    story.use(acme, "call", "2026-01-05", times=5)
    story.use(acme, "seat", "2026-01-06", n=3)
    address = reverse("dashboard:subscription", args=[subscription.public_id])

    with time_machine.travel("2026-01-10T12:00:00Z", tick=False):
        tried = text_of(owner.get(address))
    with time_machine.travel("2026-01-20T12:00:00Z", tick=False):
        after = text_of(owner.get(address))
        pause.pause(subscription=subscription, actor=making.ACTOR, now=timezone.now())
    story.use(acme, "call", "2026-01-21", times=4)
    with time_machine.travel("2026-01-22T12:00:00Z", tick=False):
        paused = text_of(owner.get(address))

    # 3 of 5 calls beyond the free ones at $2.50, 3 seats at $10.
    assert "The trial so far until 15 Jan 2026, 00:00 UTC" in tried
    assert "At the prices of the first cycle it would come to $37.50" in tried
    assert "Call 5 call 5 $7.50 Seat 3 seat 1 $30.00" in tried
    assert "The trial so far" not in after + paused
    assert "The pause so far" not in tried + after
    assert "The pause so far since 20 Jan 2026, 12:00 UTC" in paused
    assert "it comes to $5.00 so far" in paused
    assert "Call 4 call 4 $5.00 Seat – 0 $0.00" in paused
