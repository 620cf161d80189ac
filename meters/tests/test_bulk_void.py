import itertools
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from access.actors import Actor
from core.periods import Period
from customers.models import Customer
from events.models import EventVoid
from jobs import files, run, start
from jobs.models import Job, JobStatus
from jobs.run import Run
from meters import bulk_void, filters, rollup, selection, usage, void, void_preview
from meters.models import Meter
from meters.selection import Selection, SelectionInvalid
from meters.usage import UsageRequest
from tests import factories
from tests.factories import NOW, log

TESTER = Actor("user", "usr_1")
LARGE = filters.parse({"conjunction": "and", "clauses": [{"key": "size", "operator": "greater_than", "value": Decimal("1.5")}]})

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_void, "STEP", 2)


@pytest.fixture
def meter() -> Meter:
    """A sum over five events of sizes 1 to 5, a minute apart; the rollup has seen them."""
    made = factories.meter("sum", "size")
    customer = factories.customer(external_id="acme")
    for size in range(1, 6):
        log(customer, NOW + timedelta(minutes=size), {"size": size}, event_id=f"e{size}")
    return made


def work(job: Job) -> Job:
    run.take_and_work(job_id=job.pk, now=NOW)
    job.refresh_from_db()
    return job


def begin(chosen: Selection) -> Job:
    return bulk_void.begin(selection=chosen, reason="wrong", expected=None, actor=TESTER, now=NOW)


def used(meter: Meter) -> Decimal | None:
    customer = Customer.objects.get(external_id="acme")
    period = Period(NOW - timedelta(days=1), NOW + timedelta(days=1))
    request = UsageRequest(meter.pk, customer.pk, period)
    found = usage.quantities(requests=[request]).quantities[request]
    assert found == usage.recompute(requests=[request])[request]
    return found.quantity


@pytest.mark.django_db(transaction=True)  # a job voids what was committed when it began
def test_a_job_voids_all_of_a_selection_and_lists_it(meter: Meter) -> None:
    void.void(event=factories.event("e5"), reason="before", actor=TESTER, now=NOW)

    begun = begin(selection.of(meter=meter, filter=LARGE, start=NOW, end=NOW + timedelta(hours=1)))
    log(Customer.objects.get(external_id="acme"), NOW, {"size": 7})  # arrives too late to be meant
    job = work(begun)

    assert (job.status, job.outcome) == (JobStatus.DONE, {"voided": 3, "void_before": 1})
    assert used(meter) == 8
    lines = b"".join(files.stream(job.files.get(name="events.csv"))).decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["event_id", "e4", "e2", "e3"]
    assert set(EventVoid.objects.filter(job=job.public_id).values_list("reason", "actor_id")) == {("wrong", "usr_1")}


def test_what_one_job_voided_is_taken_back_and_nothing_else(meter: Meter) -> None:
    job = work(begin(selection.of(event_ids=["e1", "e2", "e3", "nobody"])))
    void.unvoid(event=factories.event("e1"), reason="right", actor=TESTER, now=NOW)
    void.void(event=factories.event("e1"), reason="wrong after all", actor=TESTER, now=NOW)
    void.unvoid(event=factories.event("e2"), reason="right", actor=TESTER, now=NOW)

    back = work(bulk_void.take_back(job=job, reason="undo", actor=TESTER, now=NOW))

    assert job.outcome == {"voided": 3, "void_before": 0}
    assert back.outcome == {"counted_again": 1, "taken_back_before": 2}
    assert used(meter) == 2 + 3 + 4 + 5
    with pytest.raises(bulk_void.VoidJobNotFound):
        bulk_void.take_back(job=back, reason="", actor=TESTER, now=NOW)


@pytest.mark.django_db(transaction=True)  # a job voids what was committed when it began
def test_a_job_goes_on_where_it_was_cancelled(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    job = begin(selection.of(event_name="tokens"))
    whole = Run.advance

    def cancelled_after_the_first(self: Run, **progress: Any) -> None:
        if self.done:
            Job.objects.filter(pk=self.job.pk).update(cancel_requested_at=NOW)
        whole(self, **progress)

    monkeypatch.setattr(Run, "advance", cancelled_after_the_first)
    assert work(job).status == JobStatus.CANCELLED
    assert EventVoid.objects.count() == 2
    monkeypatch.setattr(Run, "advance", whole)
    with pytest.raises(bulk_void.VoidJobRunning):
        bulk_void.take_back(job=begin(selection.of(event_ids=["e1"])), reason="", actor=TESTER, now=NOW)
    start.resume(job=job)

    assert (work(job).outcome, used(meter)) == ({"voided": 5, "void_before": 0}, 0)


class Killed(BaseException):
    """The worker is no more, and nobody tidies up after it."""


def killing_at(statement: int) -> Any:
    """Let so many statements begin, and strike before that one."""
    begun = itertools.count(1)

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if next(begun) == statement:
            raise Killed
        return execute(sql, params, many, context)

    return connection.execute_wrapper(wrapper)


@pytest.mark.django_db(transaction=True)  # what was not committed is gone with the connection
def test_a_job_that_is_killed_before_any_of_its_statements_goes_on_and_voids_each_once(meter: Meter) -> None:
    job = begin(selection.of(event_name="tokens"))
    kills = 0

    for statement in itertools.count(1):
        try:
            with killing_at(statement):
                run.take_and_work(job_id=job.pk, now=NOW)
            break
        except Killed:
            connection.close()
            kills += 1
            Job.objects.filter(pk=job.pk).update(heartbeat_at=NOW - 2 * run.STALE_AFTER, crash_count=0)

    job.refresh_from_db()
    lines = b"".join(files.stream(job.files.get(name="events.csv"))).decode().splitlines()
    assert kills > 10
    assert (job.status, job.outcome, used(meter)) == (JobStatus.DONE, {"voided": 5, "void_before": 0}, 0)
    assert sorted(EventVoid.objects.values_list("event__event_id", "ordinal")) == [(f"e{size}", 1) for size in range(1, 6)]
    assert sorted(line.split(",")[0] for line in lines) == ["e1", "e2", "e3", "e4", "e5", "event_id"]


@pytest.mark.parametrize(("aggregation", "before", "after"), [("sum", 15, 1), ("max", 5, 1), ("last", 5, 1), ("count", 5, 1)])
def test_a_preview_tells_usage_before_and_after(aggregation: str, before: int, after: int) -> None:
    meter = factories.meter(aggregation, None if aggregation == "count" else "size")
    acme, other = factories.customer(), factories.customer()
    for size in range(1, 6):
        log(acme, NOW + timedelta(minutes=size), {"size": size})
    log(other, NOW, {"size": 100})
    rollup.roll(now=NOW)
    chosen = selection.of(customer=acme, filter=LARGE, start=NOW - timedelta(days=1))

    found = void_preview.preview(chosen)

    assert (found.event_count, found.is_complete, found.more_groups) == (4, True, 0)
    assert [(one.meter, one.customer, one.before, one.after) for one in found.changes] == [(meter, acme, before, after)]
    assert EventVoid.objects.count() == 0


def test_a_meter_that_cannot_be_read_is_named_in_the_preview_and_hides_no_other(meter: Meter) -> None:
    broken = factories.meter("max", "size")
    Meter.objects.filter(pk=broken.pk).update(filter={"conjunction": "xor", "clauses": []})
    acme = factories.customer()
    log(acme, NOW, {"size": 2})
    rollup.roll(now=NOW)

    found = void_preview.preview(selection.of(customer=acme))

    assert [(one.meter, one.before, one.after) for one in found.changes] == [(meter, 2, 0)]
    assert found.unreadable == [broken]


def test_a_preview_of_nothing_changes_nothing(meter: Meter) -> None:
    found = void_preview.preview(selection.of(event_ids=["nobody"]))

    assert (found.event_count, found.period, found.changes) == (0, None, [])


def test_a_selection_is_kept_whole(meter: Meter) -> None:
    chosen = selection.of(meter=meter, event_name="tokens", start=NOW, end=NOW + timedelta(hours=1), filter=LARGE)

    assert Selection.from_json(json.loads(json.dumps(chosen.to_json()))) == chosen


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"start": NOW},
        {"event_name": "a", "event_ids": ["e"]},
        {"event_ids": [str(number) for number in range(1001)]},
        {"event_name": "a", "start": NOW, "end": NOW},
    ],
)
def test_a_selection_of_everything_or_of_nothing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(SelectionInvalid):
        selection.of(**fields)
