"""Laws of billing over random stories of plan changes, prices, pauses, credits, late events, voids and kills, on a database."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings

from core.money import exact
from credits.burndown import PhaseUsage, summed_up
from credits.models import CreditEntry, EntryKind, GrantPeriod
from events.models import Event
from invoices import closed, live_credit, verify
from invoices.assemble import COVERED_BY_USAGE_CREDIT
from invoices.charge import price
from invoices.late_models import LateState, LateUsage
from invoices.models import Invoice, InvoiceCredit, InvoiceLine
from invoices.run import run_billing
from invoices.tests import story as text
from products.tests import making
from products.tests.making import ACTOR
from tests.properties.billing import RICH, Story, told

pytestmark = pytest.mark.django_db(transaction=True)
# Each example lives months of billing: the rich one and two more in every run of the tests, twenty in a search.
few = settings(
    max_examples=settings.default.max_examples // 50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
def meters():
    return making.meter("size", "sum", "n"), making.meter("call"), making.meter("seat", "max", "n")


@few
@example(RICH)
@given(told)
def test_whatever_happens_every_law_of_charging_holds(meters, tale):
    lived = Story(meters).live(tale)

    assert_adds_up(lived)
    assert_covered(lived)
    assert_ledger(lived)
    assert_second_run_is_empty(lived)
    assert_proved(lived)


@few
@example(RICH)
@given(told)
def test_runs_that_are_killed_come_to_what_clean_ones_do(meters, tale):
    clean = Story(meters).live(tale)
    killed = Story(meters, kills=tuple(tale["kills"])).live(tale)

    assert killed.refused == clean.refused
    assert told_of(killed) == told_of(clean)


@few
@example(RICH)
@given(told)
def test_one_run_at_the_end_bills_the_fees_and_quantities_that_many_runs_do(meters, tale):
    tale = {**tale, "steps": [step for step in tale["steps"] if step[1][0] not in ("void", "wallet", "add", "take")]}
    often = Story(meters).live(tale)
    once = Story(meters, is_billed_often=False).live(tale)

    assert often.refused == once.refused
    assert fees(often) == fees(once)
    assert quantities(often) == quantities(once)


def told_of(lived):
    """Every invoice without its number, and every entry of the ledger."""
    entries = CreditEntry.objects.filter(period__grant__customer=lived.customer)
    ordered = entries.order_by("period__starts_at", "period__grant_id", "kind", "amount").select_related("period")
    return (
        sorted([" ".join(one[0].split()[1:]), *one[1:]] for one in text.invoices(customer=lived.customer)),
        [(entry.period.starts_at, entry.kind, entry.amount) for entry in ordered],
    )


def standing(lived):
    """The invoices that count as billed: a waived point does, one that is to be billed again does not."""
    made = Invoice.objects.filter(customer=lived.customer).exclude(kind="credit_note")
    return made.exclude(status="void", void_outcome="reissue")


def fees(lived):
    lines = InvoiceLine.objects.filter(invoice__in=standing(lived), kind="fixed_fee")
    return Counter(lines.values_list("description", "amount", "period_start", "period_end"))


def charges(lived):
    lines = InvoiceLine.objects.filter(kind="usage", invoice__in=standing(lived))
    return closed.read({closed.slot_of(line) for line in lines.select_related("invoice", "adjusts")})


def quantities(lived):
    """What each charge of a cycle has counted in the end, and under which terms."""
    return {
        (slot.point, slot.period_start, slot.meter_id): (one.billed().quantity or 0, one.line.terms)
        for slot, one in charges(lived).items()
    }


@exact()
def counted(lived, definition, period):
    """Count from the events themselves, one by one."""
    events = Event.objects.filter(
        customer_id=lived.customer.id,
        event_name__name=definition.event_name,
        timestamp__gte=period.start,
        timestamp__lt=period.end,
    )
    numbers = [Decimal(str(one.metadata["n"])) for one in events.prefetch_related("voids") if len(one.voids.all()) % 2 == 0]
    if definition.aggregation == "count":
        return Decimal(len(numbers))
    return sum(numbers, Decimal(0)) if definition.aggregation == "sum" else max(numbers, default=Decimal(0))


@exact()
def right(lived, one):
    """Charge a closed cycle from its events, with the credits that it holds drawn."""
    definition, charge = one.definition, one.charge(dict.fromkeys({period_id for _, period_id, _ in one.draws}, 0))
    before = Decimal(0) if one.earlier is None else counted(lived, definition, one.earlier)
    quantity = counted(lived, definition, one.whole)
    burned = summed_up(quantity, charge.terms.free_threshold, charge.draws, before)
    assert burned.remaining_quantity >= 0
    earlier = None if one.earlier is None else PhaseUsage(one.earlier, before)
    found = price(burned.remaining_quantity, charge.terms, earlier=earlier, proration=charge.proration)
    return found.amount + found.minimum_top_up


def assert_adds_up(lived):
    """All invoices of a period add up to the one right invoice; what comes to nothing in sum after the end has no invoice."""
    billed = {slot: (figures := one.billed()).amount + figures.minimum_amount for slot, one in charges(lived).items()}
    expected = {slot: right(lived, one) for slot, one in charges(lived).items()}
    if LateUsage.objects.filter(customer=lived.customer).exclude(state=LateState.SETTLED).exists():
        billed, expected = sum(billed.values()), sum(expected.values())
    assert billed == expected


def assert_covered(lived):
    for one in standing(lived):
        covered = sum(line.amount for line in one.lines.all() if line.kind in COVERED_BY_USAGE_CREDIT)
        assert one.subtotal == sum(line.amount for line in one.lines.all())
        assert 0 <= one.usage_credit_amount <= max(0, covered)
        assert 0 <= one.invoice_credit_amount <= one.total


def assert_ledger(lived):
    """No grant holds less than nothing, a closed one nothing; what was drawn is what the charges hold; what is shown is what is there."""
    periods = GrantPeriod.objects.filter(grant__customer=lived.customer).prefetch_related("entries").select_related("grant")
    units: Counter = Counter()
    for one in charges(lived).values():
        for _, period_id, drawn in one.draws:
            units[period_id] += drawn
    money: Counter = Counter()
    taken = InvoiceCredit.objects.filter(invoice__in=standing(lived), line=None)
    for period_id, amount in taken.values_list("period", "amount"):
        money[period_id] += amount
    live = live_credit.of_customers([lived.customer.id], now=lived.now)
    shown = {(one.grant_id, one.period.start): one.left for one in live.periods}
    for one in periods:
        entries = one.entries.all()
        balance = sum(entry.amount for entry in entries)
        assert balance >= 0
        assert balance == 0 or one.settled_at is None
        assert shown[one.grant_id, one.starts_at] == balance
        if not lived.waived:
            used = sum(entry.amount for entry in entries if is_use(entry))
            assert -used == (money if one.grant.kind == "money" else units)[one.id]


def is_use(entry):
    """Whether an entry says that an invoice used credit, or gave it back."""
    of_period = entry.cause.startswith(("reopened:", "restored:"))
    return bool(entry.invoice_id) and entry.kind in (EntryKind.BURNED, EntryKind.RETURNED) and not of_period


def assert_second_run_is_empty(lived):
    before = told_of(lived)
    report = run_billing(now=lived.now, actor=ACTOR)
    assert (report.drafted_count, report.issued_count, report.held_count, report.settled_count) == (0, 0, 0, 0)
    assert told_of(lived) == before
    assert not Invoice.objects.filter(customer=lived.customer, status="draft").exists()


def assert_proved(lived):
    proofs = [verify.verify(one) for one in Invoice.objects.filter(customer=lived.customer).exclude(status="draft")]
    assert [proof.findings for proof in proofs if not proof.holds] == []
