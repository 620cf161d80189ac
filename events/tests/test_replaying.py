"""Many refused events are replayed as a job: a batch at a time, beside whoever else replays or dismisses, each event once."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from access.actors import Actor
from access.models import ApiKey
from core import faults
from events import replay, replaying
from events.dismiss import dismiss_events
from events.models import DeliveryHour, Event, RefusedRequest, RejectedEvent
from events.tests.sending import NOW, event, make_customer, make_key, refuse, send
from jobs.models import Job, JobStatus
from jobs.run import take_and_work

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=60)
ANN = Actor("user", "usr_ann")


def job_outcome(job: Job) -> tuple[dict[str, int], list[str]]:
    assert take_and_work(job_id=job.pk, now=LATER) == JobStatus.DONE
    job.refresh_from_db()
    return job.outcome, b"".join(bytes(chunk.body) for chunk in job.files.get().chunks.all()).decode().split("\r\n")


def test_a_group_is_replayed_as_a_job_that_tells_what_became_of_each(key: ApiKey) -> None:
    first = refuse(key, event("a", "acme"), event("good", make_customer()))
    refuse(key, event("b", "acme"), event("c", "nobody"))
    gone = refuse(key, event("d", "acme"))
    RefusedRequest.objects.filter(pk=gone.pk).update(body=None, pruned_at=NOW)
    make_customer(external_id="acme")

    filters = {"code": "CUSTOMER_NOT_FOUND", "field": "customer_id"}
    job = replaying.start_group(filters=filters, with_rest=True, actor=ANN, now=LATER)
    outcome, lines = job_outcome(job)

    assert outcome == {"ingested": 3, "refused: CUSTOMER_NOT_FOUND": 1, "not_kept": 1}
    assert lines[:3] == [
        "request,index,event_id,outcome,codes,message",
        f"{first.pk},0,a,ingested,,",
        f"{first.pk},1,good,ingested,,",
    ]
    assert (job.progress_done, job.progress_total, job.created_by) == (3, 3, "user:usr_ann")
    assert list(RejectedEvent.objects.filter(status="open").values_list("event_id", flat=True).order_by("id")) == ["c", "d"]


def test_only_open_events_of_a_selection_are_replayed(key: ApiKey) -> None:
    refuse(key, event("a", "acme"), event("b", "acme"))
    make_customer(external_id="acme")
    ids = list(RejectedEvent.objects.order_by("index").values_list("id", flat=True))
    assert dismiss_events(rows=RejectedEvent.objects.filter(event_id="b"), actor=ANN, now=LATER) == 1
    assert RefusedRequest.objects.get().status == "open"

    job = replaying.start_events(ids=ids, with_rest=False, actor=ANN, now=LATER)
    outcome, lines = job_outcome(job)

    assert (outcome, len(lines)) == ({"ingested": 1}, 3)
    with pytest.raises(replaying.NothingToReplay):
        replaying.start_events(ids=ids, with_rest=False, actor=ANN, now=LATER)


def test_a_group_that_cannot_be_read_is_nothing(key: ApiKey) -> None:
    refuse(key, event("a", "acme"))

    with pytest.raises(replaying.NothingToReplay):
        replaying.start_group(filters={"start": "yesterday"}, with_rest=False, actor=ANN, now=LATER)


def test_the_rest_of_one_request_is_a_job_too(key: ApiKey) -> None:
    request = refuse(key, event("bad", "nobody"), event("good", make_customer()))

    outcome, _lines = job_outcome(replaying.start_rest(request_id=request.pk, actor=ANN, now=LATER))

    assert outcome == {"ingested": 1}


@pytest.mark.django_db(transaction=True)
def test_a_dismissal_beside_a_replay_waits_for_it(key: ApiKey, monkeypatch: pytest.MonkeyPatch) -> None:
    first = refuse(key, event("a", "acme"))
    refuse(key, event("b", "acme"))
    RejectedEvent.objects.filter(request=first).update(field="customer_id")  # so that the second request's event is found first
    make_customer(external_id="acme")
    job = replaying.start_group(filters={}, with_rest=False, actor=ANN, now=LATER)
    usual, beside = replay.replay, ThreadPoolExecutor(1)
    dismissed: list[Future[int]] = []

    def dismiss() -> int:
        with closing(connection):
            return dismiss_events(rows=RejectedEvent.objects.all(), actor=ANN, now=LATER)

    def replay_beside(**asked: Any) -> Any:
        if not dismissed:
            dismissed.append(beside.submit(dismiss))
            wait(dismissed, timeout=0.5)
        return usual(**asked)

    monkeypatch.setattr(replaying, "replay", replay_beside)
    outcome, _rows = job_outcome(job)

    assert (outcome, dismissed[0].result(10)) == ({"ingested": 2}, 0)
    assert set(RejectedEvent.objects.values_list("status", flat=True)) == {"replayed"}


def chosen(*requests: RefusedRequest) -> Job:
    """Start the replay of what was refused of some requests."""
    ids = RejectedEvent.objects.filter(request__in=requests).values_list("id", flat=True)
    return replaying.start_events(ids=list(ids), with_rest=False, actor=ANN, now=LATER)


def work_at_once(*jobs: Job) -> list[JobStatus | None]:
    """Do some jobs of two requests each at once; each has stored its first request's events before any stores its second's."""
    met, turns = threading.Barrier(len(jobs)), threading.local()

    def meet() -> None:
        turns.taken = getattr(turns, "taken", 0) + 1
        if turns.taken == 2:
            with suppress(threading.BrokenBarrierError):
                met.wait(0.5)

    def work(job: Job) -> JobStatus | None:
        with closing(connection):
            return take_and_work(job_id=job.pk, now=LATER)

    with faults.striking("ingest: copied", meet), ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(work, jobs))


@pytest.mark.django_db(transaction=True)
def test_two_replays_of_the_same_hours_of_keys_in_other_orders_both_end(key: ApiKey) -> None:
    other = make_key()[0]
    requests = [refuse(sender, event(f"e{number}", "acme")) for number, sender in enumerate([key, other, other, key])]
    send(key, event("known name", make_customer(external_id="acme")))

    ended = work_at_once(chosen(requests[0], requests[2]), chosen(requests[1], requests[3]))

    assert ended == [JobStatus.DONE, JobStatus.DONE]
    assert list(DeliveryHour.objects.order_by("api_key").values_list("api_key", "accepted_count")) == [(key.pk, 2), (other.pk, 2)]


@pytest.mark.django_db(transaction=True)
def test_two_replays_of_the_same_events_in_other_orders_both_end(key: ApiKey) -> None:
    def sent(event_id: str, number: int) -> RefusedRequest:
        return refuse(key, event(event_id, "acme"), event(f"new name {number}", "acme", event_name=event_id))

    requests = [sent(event_id, number) for number, event_id in enumerate(["a", "b", "b", "a"])]
    send(key, event("known name", make_customer(external_id="acme")))

    ended = work_at_once(chosen(requests[0], requests[2]), chosen(requests[1], requests[3]))

    assert ended == [JobStatus.DONE, JobStatus.DONE]
    assert Event.objects.count() == 7
