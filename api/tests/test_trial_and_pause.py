"""What was used in a trial is shown and never charged; what was sent in a pause is charged and marked."""

import pytest

from api.v1 import shown_invoices
from invoices import document, preview, sheets
from invoices.models import Invoice
from invoices.tests.story import begin, bill, use
from invoices.tests.test_changes import do
from meters import rollup
from products import pause
from products.subscribe import Extras
from products.tests import making
from products.tests.making import per_unit, utc

NOW = utc("2026-03-01")


def in_trial(sheet):
    return [(one.meter.name, str(one.quantity), one.event_count, f"{one.period.end:%m-%d}") for one in sheet.trial]


@pytest.mark.django_db(transaction=True)
def test_the_first_cycle_shows_what_the_trial_used_and_charges_nothing_of_it():
    calls = making.meter("call")
    acme = making.customer()
    begin(acme, making.product(per_unit(calls, "2"), fee=100), "2026-01-01", extras=Extras(trial_period_days=14))
    use(acme, "call", "2026-01-05", times=3)
    use(acme, "call", "2026-01-20", times=2)
    rollup.roll_all(now=NOW)
    running = sheets.of_preview(preview.running(acme.subscription_set.get(), now=utc("2026-01-21")))
    bill("2026-01-15T02:00")
    bill("2026-02-15T02:00")
    use(acme, "call", "2026-01-06")  # after the issue: what is issued does not change
    opening, first = (document.ROWS.get(point=point) for point in (0, 1))

    shown = shown_invoices.shown(first, now=NOW)

    assert in_trial(running) == [("Call", "3", 3, "01-15")]
    assert in_trial(sheets.of_issued(first)) == [("Call", "3", 3, "01-15")]
    assert in_trial(sheets.of_issued(opening)) == []
    assert [(one.quantity, one.event_count, one.period_start) for one in shown.trial_usage] == [("3", 3, utc("2026-01-01"))]
    assert [(line.kind, line.quantity, line.amount) for line in shown.lines] == [("fixed_fee", None, 100), ("usage", "2", 4)]
    assert [(one["name"], one["quantity"]) for one in document.of_invoice(first, now=NOW)["trial"]] == [("Call", "3 call")]
    assert shown_invoices.listed([first])[0].trial_usage is None


@pytest.mark.django_db
def test_a_line_says_which_of_its_events_were_sent_in_a_pause():
    calls = making.meter("call")
    acme = making.customer()
    subscription = begin(acme, making.product(per_unit(calls, "2")), "2026-01-01")
    use(acme, "call", "2026-01-10", times=4)
    do(pause.pause, subscription, "2026-01-20")
    use(acme, "call", "2026-01-25")
    draft = preview.running(subscription, now=utc("2026-01-26"))
    bill("2026-02-02")
    invoice = Invoice.objects.get(point=1)

    for sheet in (sheets.of_preview(draft), sheets.of_issued(invoice)):
        steps = [(step.label, step.shown) for step in sheet.lines[0].steps]
        assert steps[:2] == [("Quantity", "5"), ("Of it sent while paused, charged too", "1 event")]
    (line,) = shown_invoices.shown(invoice, now=NOW).lines
    assert (line.amount, line.paused_event_count) == (10, 1)
