"""Giving, topping up and ending credit in the dashboard."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.actors import COMMAND
from core.periods import Interval
from credits import entering
from credits.models import CreditGrant, LowBalance
from dashboard import paging
from dashboard.reading import grants as reading
from dashboard.tests import world
from invoices.tests import story
from products.tests import making
from products.tests.making import utc

pytestmark = pytest.mark.django_db
GIVEN = {
    "kind": "money", "currency": "USD", "amount": "12.50", "applies_to": "usage", "priority": "5", "rollover": "none",
    "renewal": "once", "renewal_interval": "Month", "reason": "An outage", "once": "once_1", "name": "Sorry",
}  # fmt: skip


def give(client, customer, **changed):
    return client.post(reverse("dashboard:grant_new", args=[customer.public_id]), GIVEN | changed, follow=True)


def test_finance_gives_money_once_however_often_the_form_is_sent():
    acme, finance = making.customer(), world.signed_in("finance")

    pages = [give(finance, acme).content.decode() for _ in range(2)]

    grant = CreditGrant.objects.get()
    assert (grant.amount, grant.priority, grant.currency, grant.reason) == (1250, 5, "USD", "An outage")
    assert grant.created_by.startswith("user:")
    assert all("one-finance" in page and "An outage" in page and "$12.50" in page for page in pages)
    assert "This form gave a grant already, which said something else." in give(finance, acme, amount="99").content.decode()
    assert CreditGrant.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"amount": "0.001"}, "amount", "whole number of minor units"),
        ({"amount": "0"}, "amount", "amount must lie above 0"),
        ({"kind": "units"}, "meter", "Units need a meter_id"),
        ({"renewal": "subscription"}, "renewal", "has either a subscription_id or"),
        ({"rollover": "capped"}, "rollover_cap", "Exactly a capped rollover has a rollover_cap."),
        ({"effective_at": "2026-02-02", "expires_at": "2026-02-01"}, "expires_at", "lies after effective_at"),
        ({"low_balance_threshold": "1.234"}, "low_balance_threshold", "whole number of minor units"),
        ({"reason": ""}, "reason", "This field is required."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(changed, field, sentence):
    response = give(world.signed_in(), making.customer(), **changed)

    assert any(sentence in text for text in response.context["form"].errors[field])
    assert f'id="id_{field}_error"' in response.content.decode()
    assert not CreditGrant.objects.exists()


def test_a_grant_is_topped_up_watched_and_ended_with_who_and_why():
    acme, operator = making.customer(), world.signed_in("operator")
    calls = making.meter("call")
    give(operator, acme, kind="units", meter=calls.public_id, amount="100", renewal="interval", rollover="all")
    grant = CreditGrant.objects.get()

    def post(name, **fields):
        return operator.post(reverse(f"dashboard:{name}", args=[grant.public_id]), fields, follow=True).content.decode()

    for _ in range(2):
        page = post("grant_top_up", amount="20.5", reason="More", once="t1")
    assert "120.5" in page
    assert "This form topped up already, with another amount" in post("grant_top_up", amount="21", reason="More", once="t1")
    assert "Low" in post("grant_threshold", low_balance_threshold="500")
    assert LowBalance.objects.filter(recovered_at=None).count() == 1
    assert "is low" in operator.get(reverse("dashboard:home")).content.decode()
    assert "This field is required." in post("grant_void", reason="")
    assert "one-operator · By mistake" in post("grant_void", reason="By mistake")
    assert not LowBalance.objects.filter(recovered_at=None).exists()


def test_the_pages_say_what_is_used_now_and_which_line_used_what():
    acme, viewer = making.customer(), world.signed_in("viewer")
    calls = making.meter("call")
    story.begin(acme, making.product(making.per_unit(calls)), "2026-01-01")
    grant = story.give(acme, Decimal(1000), "2026-01-01", meter=calls, name="Welcome")
    story.use(acme, "call", "2026-01-10", times=3)
    address = reverse("dashboard:grant", args=[grant.public_id])

    live = viewer.get(address).content.decode()
    story.bill("2026-02-02")
    issued = viewer.get(address).content.decode()
    ledger = viewer.get(reverse("dashboard:customer_credit", args=[acme.public_id])).content.decode()

    assert "Used, not invoiced yet" in live
    assert "997" in live
    assert "Used, not invoiced yet" not in issued
    for page in (issued, ledger):
        assert "INV-2026-000001" in page
        assert "-3" in page.replace("\u2212", "-")
    assert "End the grant" not in issued


def test_a_history_tells_what_one_run_wrote_as_it_came_about_with_the_balance():
    acme, calls = making.customer(), making.meter("call")
    story.begin(acme, making.product(making.per_unit(calls)), "2026-01-01")
    grant = story.give(acme, Decimal(100), "2026-01-01", meter=calls, renews=True, renewal=Interval("Month", 1))
    story.use(acme, "call", "2026-01-10", times=30)
    story.bill("2026-02-02")

    shown = reading.one(grant, now=utc("2026-02-02")).entries
    whole = list(reading.entries_of(acme).order_by(*reading.NEWEST_FIRST))

    assert [(row.entry.kind, row.entry.amount, row.after) for row in shown] == [
        ("granted", 100, 100), ("expired", -70, 0), ("burned", -30, 70), ("granted", 100, 100),
    ]  # fmt: skip
    assert whole == [row.entry for row in shown]
    pages = [paging.page(reading.entries_of(acme), cursor=None, order=reading.NEWEST_FIRST, size=1)]
    while pages[-1].older:
        pages.append(paging.page(reading.entries_of(acme), cursor=pages[-1].older, order=reading.NEWEST_FIRST, size=1))
    assert [entry for page in pages for entry in page.items] == whole


def test_a_longer_history_asks_the_database_no_more():
    acme, viewer = making.customer(), world.signed_in("viewer")
    grant = story.give(acme, Decimal(100), "2026-01-01", meter=making.meter("call"))
    address = reverse("dashboard:grant", args=[grant.public_id])
    viewer.get(address)

    def queries():
        with CaptureQueriesContext(connection) as asked:
            viewer.get(address)
        return len(asked)

    before = queries()
    for day in range(2, 12):
        entering.top_up(grant=grant, amount=Decimal(1), reason="More", actor=COMMAND, now=utc(f"2026-01-{day:02}"))

    assert queries() == before


def test_a_renewing_grant_says_that_its_ledger_follows():
    page = give(world.signed_in(), making.customer(), renewal="interval").content.decode()

    assert "Granted." in page
    assert "follows when credits are renewed next" in page
