"""A small load through the real product: what it counted, billed and does when it is run again or killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Sum
from psycopg.conninfo import make_conninfo

from billing_project.demo import begin, load, opening
from billing_project.demo.timeline import Open, Send, steps
from billing_project.demo.traffic import Sent
from core.money import round_half_away
from core.periods import Period
from credits.models import CreditEntry
from customers.models import Customer
from events.models import Event, EventConflict, RejectedEvent
from invoices.models import Invoice, InvoiceLine, LineKind
from jobs import run
from jobs.models import Job, JobStatus
from launch.places import CLONE
from meters import usage
from meters.models import Meter
from meters.usage import UsageRequest

NOW = datetime(2026, 9, 20, 12, tzinfo=UTC)
SMALL = {"months": 1, "customers": ["lodz", "hearts", "cobalt"]}
AUGUST = Period(datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC))
SEPTEMBER = Period(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC))

pytestmark = pytest.mark.django_db(transaction=True)


def loaded() -> Job:
    job = begin.begin(now=NOW, **SMALL)
    assert run.take_and_work(job_id=job.id, now=NOW) == JobStatus.DONE, Job.objects.get(id=job.id).error_message
    job.refresh_from_db()
    return job


def told(job: Job) -> list[Sent]:
    """Give the events that a customer's first sending made, as the story tells them."""
    first: dict[str, Sent] = {}
    for step in steps(load.story(job.parameters)):
        if isinstance(step, Send):
            for event in step.events:
                first.setdefault(event.event_id, event)
    return [event for event in first.values() if event.customer != "staging"]


def rows() -> dict[str, int]:
    apps_of_interest = {"customers", "events", "meters", "products", "credits", "invoices"}
    ours = [model for model in apps.get_models() if model._meta.app_label in apps_of_interest]
    return {model._meta.label: model._default_manager.count() for model in ours}


def counted(events: list[Sent], meter: Meter, customer: Customer, period: Period) -> Decimal | int | None:
    """Count by hand what a meter of the blueprints counts, apart from the product's own code."""
    mine = [
        event.metadata
        for event in events
        if opening.external_id(event.customer) == customer.external_id
        and event.event_name == meter.event_name
        and period.contains(event.timestamp)
    ]
    if meter.event_name == "llm.completion":
        return sum(m["total_tokens"] for m in mine if m["cached"] is False and not isinstance(m["total_tokens"], str))
    if meter.event_name == "api.request":
        return sum(1 for m in mine if m["status_code"] < 500)
    if meter.event_name == "storage.measured":
        return max((m["bytes"] for m in mine), default=None)
    if meter.event_name == "stream.delivered":
        return sum(m["bytes"] for m in mine)
    return sum(m["seconds"] for m in mine if m["hardware"].startswith("gpu-") and m["outcome"] != "preempted")


def assert_every_event_of_the_story_is_stored_once_and_the_rest_told(job: Job) -> None:
    sizes = [len(step.events) for step in steps(load.story(job.parameters)) if isinstance(step, Send)]
    counts = job.outcome["events"]

    assert set(Event.objects.values_list("event_id", flat=True)) == {event.event_id for event in told(job)}
    assert Event.objects.count() == counts["ingested"]
    assert sum(counts.values()) == sum(sizes)
    assert EventConflict.objects.count() == counts.get("conflict", 0)
    assert RejectedEvent.objects.count() == counts["refused"]


def assert_usage_equals_a_recomputation_and_a_count_by_hand(job: Job) -> None:
    asked = {
        UsageRequest(meter.id, customer.id, period): (meter, customer, period)
        for meter in Meter.objects.all()
        for customer in Customer.objects.all()
        for period in (AUGUST, SEPTEMBER)
    }

    answered = usage.quantities(requests=list(asked)).quantities

    assert answered == usage.recompute(requests=list(asked))
    assert {request: answered[request].quantity for request in asked} == {
        request: counted(told(job), *what) for request, what in asked.items()
    }


def assert_invoices_are_what_their_lines_say() -> None:
    issued = Invoice.objects.exclude(status="draft")

    assert issued.count() == 6
    for invoice in issued:
        assert invoice.subtotal == invoice.lines.aggregate(total=Sum("amount"))["total"]
        assert invoice.total == invoice.subtotal - invoice.usage_credit_amount + invoice.tax_amount
    for line in InvoiceLine.objects.filter(kind=LineKind.USAGE):
        assert line.unrounded_amount == line.chargeable_quantity * line.unit_price
        assert line.amount == round_half_away(line.unrounded_amount)


def assert_the_first_cycle_is_billed_as_counted_by_hand_at_that_time(job: Job) -> None:
    known = [event for event in told(job) if event.sent_at < AUGUST.end + timedelta(hours=3)]
    lines = InvoiceLine.objects.filter(kind=LineKind.USAGE).select_related("meter", "invoice__customer")

    assert len(lines) == 5 + 4 + 2
    for line in lines:
        assert (line.quantity or 0) == (counted(known, line.meter, line.invoice.customer, AUGUST) or 0), line


def test_a_small_company_is_counted_and_billed_right_and_loading_again_adds_nothing() -> None:
    job = loaded()

    assert_every_event_of_the_story_is_stored_once_and_the_rest_told(job)
    assert_usage_equals_a_recomputation_and_a_count_by_hand(job)
    assert_invoices_are_what_their_lines_say()
    assert_the_first_cycle_is_billed_as_counted_by_hand_at_that_time(job)
    assert set(CreditEntry.objects.values_list("period__grant__kind", "kind")) >= {("money", "burned"), ("units", "burned")}
    before = rows()

    again = begin.begin(now=NOW + timedelta(days=40))

    assert (again.id, again.status) == (job.id, JobStatus.DONE)
    assert run.take_and_work(job_id=again.id, now=NOW) is None
    assert rows() == before


def test_doing_every_request_and_billing_run_again_adds_nothing() -> None:
    job = loaded()
    before = rows()
    opened = 1 + max(n for n, step in enumerate(steps(load.story(job.parameters))) if isinstance(step, Open))
    Job.objects.filter(id=job.id).update(status=JobStatus.FAILED, position={**job.position, "steps": opened})

    begin.begin(now=NOW)
    assert run.take_and_work(job_id=job.id, now=NOW) == JobStatus.DONE

    assert rows() == before


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py demo` on the test's database, in a process of its own."""
    known = connection.settings_dict
    address = make_conninfo(
        dbname=known["NAME"], host=known["HOST"], port=known["PORT"], user=known["USER"], password=known["PASSWORD"]
    )
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TALLYBOOK_TEST")}
    begin.begin(now=NOW, **SMALL)
    started = subprocess.Popen(
        [sys.executable, "manage.py", "demo"],
        cwd=CLONE,
        env=kept | {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "billing_project.test_settings"},
        stdout=subprocess.PIPE,
    )
    yield started
    started.kill()
    started.communicate()


def after_days(days: int) -> Job:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        job = Job.objects.get(kind=load.KIND)
        if job.progress_done >= days:
            return job
        time.sleep(0.02)
    raise TimeoutError(job.status)


def test_after_a_kill_the_load_goes_on_and_ends_like_one_that_was_not_killed(process: subprocess.Popen[bytes]) -> None:
    job = after_days(5)
    process.kill()
    process.wait()
    assert Job.objects.get(id=job.id).status == JobStatus.RUNNING

    later = datetime.now(UTC) + timedelta(seconds=90)
    assert run.take_and_work(job_id=job.id, now=later) == JobStatus.DONE

    job.refresh_from_db()
    assert_usage_equals_a_recomputation_and_a_count_by_hand(job)
    assert_invoices_are_what_their_lines_say()
    assert_the_first_cycle_is_billed_as_counted_by_hand_at_that_time(job)
    assert Event.objects.count() == len(told(job))


def test_asked_to_stop_it_gives_the_job_back_at_once(process: subprocess.Popen[bytes]) -> None:
    job = after_days(3)

    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)

    assert Job.objects.get(id=job.id).status == JobStatus.QUEUED
