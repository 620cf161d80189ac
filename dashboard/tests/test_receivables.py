import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.urls import reverse

from access.actors import COMMAND
from core.periods import FormerZone, Zones
from customers.models import Customer
from dashboard.reading import receivables
from dashboard.tests import world
from invoices import payment, void
from invoices.models import Invoice
from products.models import Product, Subscription

pytestmark = pytest.mark.django_db
ISSUED = datetime(2026, 9, 1, tzinfo=UTC)
DUE = ISSUED + timedelta(days=14)


@pytest.fixture
def sold() -> Subscription:
    calls = world.meter()
    return world.subscription(world.customer("Papaya Maps"), world.product(calls), calls)


def owed(at: datetime) -> list[tuple[str, int, list[int]]]:
    return [(one.currency, one.invoice_count, list(one.bands)) for one in receivables.by_currency(at)]


@pytest.mark.parametrize(
    ("after", "band"),
    [
        (timedelta(0), 0),
        (timedelta(microseconds=1), 1),
        (timedelta(days=30), 1),
        (timedelta(days=30, microseconds=1), 2),
        (timedelta(days=60), 2),
        (timedelta(days=90), 3),
        (timedelta(days=90, microseconds=1), 4),
        (timedelta(days=4000), 4),
    ],
)
def test_an_invoice_stands_in_the_band_of_its_days_past_due(sold: Subscription, after: timedelta, band: int) -> None:
    world.invoice(sold, number=1, total=1250)
    bands = [0] * 5
    bands[band] = 1250

    assert owed(DUE + after) == [("USD", 1, bands)]
    assert [(row[9], row[-1]) for row in receivables.lines(at=DUE + after, currency="USD")] == [
        (receivables.BANDS[band].key, Decimal("12.5"))
    ]


def test_what_was_owed_on_a_past_day_is_known_after_it_was_paid_voided_or_taken_back(sold: Subscription) -> None:
    paid, voided, returned = (world.invoice(sold, number=number, total=1000 * number) for number in (1, 2, 3))
    payment.pay(invoice=paid, actor=COMMAND, now=ISSUED + timedelta(days=3))
    payment.pay(invoice=returned, actor=COMMAND, now=ISSUED + timedelta(days=3))
    payment.unpay(invoice=returned, actor=COMMAND, now=ISSUED + timedelta(days=5), reason="It bounced")
    void.void(invoice=voided, then="waive", reason="Twice", actor=COMMAND, now=ISSUED + timedelta(days=4))

    days = {day: sum(sum(bands) for _currency, _count, bands in owed(ISSUED + timedelta(days=day))) for day in (0, 1, 3, 4, 5, 9)}

    assert days == {0: 0, 1: 6000, 3: 6000, 4: 5000, 5: 3000, 9: 3000}


def test_an_invoice_that_was_paid_before_it_was_voided_was_not_owed_between(sold: Subscription) -> None:
    one = world.invoice(sold, number=1)
    payment.pay(invoice=one, actor=COMMAND, now=ISSUED + timedelta(days=1))
    void.void(invoice=Invoice.objects.get(pk=one.pk), then="waive", reason="Twice", actor=COMMAND, now=ISSUED + timedelta(days=9))

    assert owed(ISSUED + timedelta(days=5)) == []


def test_today_is_judged_now_and_another_day_by_its_end_in_the_billing_zone() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    assert receivables.as_of(None, now=now, zone="Asia/Kolkata") == now
    assert receivables.as_of(now.date(), now=now, zone="Asia/Kolkata") == now
    assert receivables.as_of(now.date() - timedelta(days=1), now=now, zone="Asia/Kolkata") == datetime(
        2026, 11, 19, 18, 30, tzinfo=UTC
    )


def test_a_day_before_the_billing_zone_changed_ends_in_the_zone_of_then() -> None:
    changed = Zones("Asia/Kolkata", (FormerZone("UTC", datetime(2026, 10, 1, tzinfo=UTC)),))

    assert receivables.as_of(date(2026, 9, 14), now=world.NOW, zone=changed) == datetime(2026, 9, 15, tzinfo=UTC)
    assert receivables.as_of(date(2026, 10, 14), now=world.NOW, zone=changed) == datetime(2026, 10, 14, 18, 30, tzinfo=UTC)


@time_machine.travel(DUE + timedelta(days=45), tick=False)
def test_the_page_adds_up_to_its_export_and_keeps_currencies_apart(sold: Subscription) -> None:
    world.invoice(sold, number=1, total=1250)
    other = world.subscription(world.customer("=Quill"), Product.objects.get())
    world.invoice(other, number=2, total=20)
    world.invoice(other, number=3, total=30, currency="EUR")
    client = world.signed_in("viewer")

    shown = client.get(reverse("dashboard:receivables"), {"currency": "USD"}).content.decode()
    file = client.get(reverse("dashboard:receivables_export"), {"currency": "USD"})
    rows = list(csv.DictReader(b"".join(file).decode().splitlines()))

    assert "$12.70" in shown
    assert "€" not in shown
    assert [(row["customer"], row["band"], row["days_overdue"], row["owed"]) for row in rows] == [
        ("'=Quill", "31-60", "45", "0.2"),
        ("Papaya Maps", "31-60", "45", "12.5"),
    ]
    assert file.headers["Content-Disposition"] == 'attachment; filename="receivables-USD-2026-10-30.csv"'
    found = [one.customer.name for one in listed(search="Papaya M")]
    assert (found, [one.customer.name for one in listed()]) == (["Papaya Maps"], ["Papaya Maps", "=Quill"])
    assert "$12.50 overdue" in client.get(reverse("dashboard:customer", args=[sold.customer.public_id])).content.decode()


def test_the_invoices_behind_a_sum_are_listed_where_the_list_holds_just_those(sold: Subscription) -> None:
    world.invoice(sold, number=1)
    world.invoice(sold, number=2, currency="EUR")
    client, address = world.signed_in("viewer"), reverse("dashboard:receivables")
    behind = f"{reverse('dashboard:invoices')}?status=issued&amp;currency=EUR&amp;customer_id={sold.customer.public_id}"

    now = client.get(address, {"currency": "EUR"}).content.decode()
    then = client.get(address, {"currency": "EUR", "on": "2026-09-20"}).content.decode()

    assert (behind in now, "1 invoice" in then, "status=issued" in then) == (True, True, False)


def test_a_currency_in_which_nothing_is_owed_is_not_shown_as_another(sold: Subscription) -> None:
    world.invoice(sold, number=1)

    shown = world.signed_in().get(reverse("dashboard:receivables"), {"currency": "EUR"}).content.decode()

    assert "Nobody owes anything in EUR" in shown
    assert "currency=USD" in shown
    assert "$" not in shown


def listed(search: str = "") -> list[receivables.Debtor]:
    return receivables.described(list(receivables.debtors(at=DUE + timedelta(days=45), currency="USD", search=search)))


def test_nothing_owed_and_a_date_that_is_none_are_said() -> None:
    owner = world.signed_in()
    address = reverse("dashboard:receivables")

    assert "Nobody owes anything" in owner.get(address).content.decode()
    assert "Enter a valid date." in owner.get(address, {"on": "2026-02-30"}).content.decode()
    for asked in ({"on": "x", "currency": "USD"}, {"currency": ""}, {"currency": "U\nSD"}, {"currency": 'US"'}):
        assert owner.get(reverse("dashboard:receivables_export"), asked).status_code == 404


def test_a_customer_without_credit_is_offered_some() -> None:
    one = world.customer()
    address = reverse("dashboard:grant_new", args=[one.public_id])

    shown = world.signed_in().get(reverse("dashboard:customer", args=[Customer.objects.get().public_id])).content.decode()

    assert shown.count(f'href="{address}"') == 2
