"""A dry run says what a changed definition would have counted, customer by customer, and changes nothing."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from access.actors import COMMAND
from core.periods import FOREVER, Period
from jobs import files, tasks
from jobs import run as jobs
from jobs.models import Job
from meters import dry_run, filters, void
from meters.definition import ALWAYS, Definition
from meters.dry_run import Difference
from meters.models import Meter, MeterQuarter
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "offer", lambda job_id: None)


def definition(aggregation: str = "sum", over: str | None = "n", name: str = "tokens", **equals: Any) -> Definition:
    clauses = [{"key": key, "operator": "equals", "value": value} for key, value in equals.items()]
    tree = filters.parse({"conjunction": "and", "clauses": clauses}) if clauses else None
    return Definition(name, aggregation, over, tree, (Period(ALWAYS, FOREVER),))


def run(meter: Meter, new: Definition, *, start: datetime | None = None, end: datetime | None = None) -> Job:
    job = dry_run.begin(meter=meter, definition=new, starts_at=start, ends_at=end, actor=COMMAND, now=NOW)
    jobs.take_and_work(job_id=job.pk, now=NOW)
    job.refresh_from_db()
    return job


def test_old_and_new_are_compared_customer_by_customer() -> None:
    acme, zoo, idle = factories.customer("Acme"), factories.customer("=Zoo"), factories.customer("Idle")
    meter = factories.meter(
        "sum", "n", filter={"conjunction": "and", "clauses": [{"key": "region", "operator": "equals", "value": "eu"}]}
    )
    log(acme, NOW, {"n": Decimal("0.10"), "region": "eu"})
    log(acme, NOW, {"n": 5, "region": "us"}, event_id="into")
    log(acme, NOW, {"n": 70, "region": "us"}, event_id="void")
    void.void(event=factories.event("void"), reason="test", actor=COMMAND, now=NOW)
    log(zoo, NOW, {"n": 12345678901234567890, "region": "eu"}, event_id="out-of")
    log(zoo, NOW, {"n": 1, "region": "ap"})
    log(idle, NOW, {"n": 1}, name="other")

    job = run(meter, definition(region="us"))

    found = dry_run.found(job.position)
    assert job.status == "done", job.error_message
    assert found
    assert found.greatest == [
        Difference(zoo.public_id, "=Zoo", "12345678901234567890", "0", "-12345678901234567890", 0, 1, 0),
        Difference(acme.public_id, "Acme", "0.1", "5", "4.9", 1, 1, 0),
    ]  # fmt: skip
    assert (found.old, found.new, found.moved_in, found.moved_out) == ("12345678901234567890.1", "5", 1, 2)
    assert [event for event, _at, _number in found.events_in] == ["into"]
    assert "out-of" in [event for event, _at, _number in found.events_out]
    body = b"".join(files.stream(job.files.get())).decode()
    assert body.splitlines()[1:] == [
        f"{acme.public_id},Acme,0.1,5,4.9,1,1,0",
        f"{zoo.public_id},'=Zoo,12345678901234567890,0,-12345678901234567890,0,1,0",
    ]
    assert Meter.objects.get() == meter
    assert not MeterQuarter.objects.exists()


def test_another_name_and_aggregation_over_a_range() -> None:
    acme = factories.customer()
    meter = factories.meter()
    log(acme, NOW)
    log(acme, NOW, {"n": 3}, name="words")
    log(acme, NOW + DAY, {"n": 8}, name="words")
    log(acme, NOW - DAY, {"n": 9}, name="words")

    found = dry_run.found(run(meter, definition("max", name="words"), start=NOW, end=NOW + DAY).position)

    assert found
    assert [(row.old, row.new, row.moved_in, row.moved_out) for row in found.greatest] == [("1", "3", 1, 1)]


def test_a_crash_between_steps_counts_nobody_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "FIRST_STEP", 1)
    monkeypatch.setattr(dry_run, "_next_step", lambda size, nanoseconds: 1)
    customers = [factories.customer() for _ in range(4)]
    for one in customers:
        log(one, NOW, {"n": 2})
    meter = factories.meter()
    compare, steps = dry_run._compare, []

    def dying(*args: Any) -> Any:
        steps.append(args)
        if len(steps) == 3:
            log(customers[3], NOW, {"n": 100})
            raise SystemExit
        return compare(*args)

    monkeypatch.setattr(dry_run, "_compare", dying)
    job = dry_run.begin(meter=meter, definition=definition(), starts_at=None, ends_at=None, actor=COMMAND, now=NOW)
    with pytest.raises(SystemExit):
        jobs.take_and_work(job_id=job.pk, now=NOW)
    jobs.take_and_work(job_id=job.pk, now=NOW)

    job.refresh_from_db()
    found = dry_run.found(job.position)
    assert found
    assert (job.status, found.old, found.new, found.customer_count) == ("done", "4", "8", 4), "what came meanwhile is not counted"
    assert len(b"".join(files.stream(job.files.get())).splitlines()) == 5


def test_nothing_to_compare_is_refused() -> None:
    meter = factories.meter("sum", "n")

    with pytest.raises(dry_run.NothingChanged):
        run(meter, definition())
