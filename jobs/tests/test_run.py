"""A job is done once, by one worker at a time, whoever is killed."""

import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection, transaction
from psycopg.conninfo import make_conninfo

from access.actors import BEAT
from jobs import files, kinds, run, start
from jobs.heartbeat import Heartbeat
from jobs.models import Job, JobFile, JobStatus
from jobs.tests import work_for_tests

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=61)


@pytest.fixture(autouse=True)
def _kinds() -> None:
    work_for_tests.register()


def queue(kind: str, **parameters: object) -> Job:
    return Job.objects.create(kind=f"test_{kind}", parameters=parameters, created_at=NOW, created_by="system:test")


def content(job: Job, name: str = "steps.txt") -> bytes:
    return b"".join(files.stream(JobFile.objects.get(job=job, name=name)))


def silent(job: Job) -> None:
    """Let the worker's last sign of life be as old as NOW."""
    Job.objects.filter(id=job.id).update(heartbeat_at=NOW)


def work_in_a_process(job: Job) -> int:
    """Do the job in a worker of its own; give its exit status."""
    database = connection.settings_dict
    address = make_conninfo(
        dbname=database["NAME"],
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
    )
    code = (
        "import django; django.setup()\n"
        "from datetime import datetime\n"
        "from jobs import run; from jobs.tests import work_for_tests as w\n"
        "w.register()\n"
        f"run.take_and_work(job_id={job.id}, now=datetime.fromisoformat({NOW.isoformat()!r}))"
    )
    environment = {name: text for name, text in os.environ.items() if not name.startswith("TALLYBOOK_TEST")}
    environment |= {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "billing_project.test_settings"}
    return subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode


@pytest.mark.django_db(transaction=True)
def test_a_job_is_done_and_keeps_its_progress_and_its_file() -> None:
    job = queue("counting", total=3)

    assert run.take_and_work(job_id=job.id, now=NOW) == JobStatus.DONE

    job.refresh_from_db()
    assert (job.progress_done, job.progress_total, job.progress_unit) == (3, 3, "steps")
    assert job.position == {"next": 3}, "what a simulation came to stands in it"
    assert job.outcome == {"counted": 3}
    assert content(job) == b"0\n1\n2\n"
    assert run.take_and_work(job_id=job.id, now=LATER) is None


@pytest.mark.django_db(transaction=True)
def test_after_a_kill_the_job_goes_on_once_by_one_of_two_and_no_step_counts_twice() -> None:
    job = queue("counting", total=6, dies_at=3)
    assert work_in_a_process(job) == -9
    job.refresh_from_db()
    assert (job.status, job.position) == ("running", {"next": 3})
    silent(job)

    ended: list[JobStatus | None] = []

    def worker() -> None:
        ended.append(run.take_and_work(job_id=job.id, now=LATER))
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ended, key=str) == [None, JobStatus.DONE]
    assert content(job) == b"0\n1\n2\n3\n4\n5\n"
    job.refresh_from_db()
    assert job.claim_number == 2


@pytest.mark.django_db(transaction=True)
def test_a_job_with_a_fresh_heartbeat_is_left_alone() -> None:
    job = queue("counting", total=1)
    assert run.take(job_id=job.id, now=NOW)

    assert run.take(job_id=job.id, now=NOW + timedelta(seconds=60)) is None
    assert run.waiting(now=NOW + timedelta(seconds=60)) == []
    assert run.waiting(now=LATER) == [job.id]


@pytest.mark.django_db(transaction=True)
def test_a_worker_thought_dead_can_write_nothing_more() -> None:
    job = queue("counting", total=1)
    first = run.take(job_id=job.id, now=NOW)
    second = run.take(job_id=job.id, now=LATER)
    assert first
    assert second
    first.write("steps.txt", b"from the first")

    with pytest.raises(run.TakenOver):
        first.advance(position={"next": 1}, done=1)
    with pytest.raises(run.TakenOver):
        first.end(JobStatus.DONE)

    assert not JobFile.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_job_that_kills_its_workers_fails_in_the_end() -> None:
    job = queue("deadly")
    for _ in range(run.MOST_CRASHES):
        assert run.take(job_id=job.id, now=NOW)
        silent(job)
        Job.objects.filter(id=job.id).update(heartbeat_at=NOW - timedelta(minutes=2))

    assert run.take_and_work(job_id=job.id, now=NOW) == JobStatus.FAILED

    job.refresh_from_db()
    assert (job.error_code, job.error_message) == ("JOB_CRASHED", "The worker died 3 times at the same place.")


@pytest.mark.django_db(transaction=True)
def test_a_refusal_of_the_domain_is_told_in_its_own_words() -> None:
    job = queue("refusing")

    assert run.take_and_work(job_id=job.id, now=NOW) == JobStatus.FAILED

    job.refresh_from_db()
    assert (job.error_code, job.error_message) == ("UNWILLING", "I would rather not.")


@pytest.mark.django_db(transaction=True)
def test_any_other_error_is_logged_and_its_text_kept_from_the_page(caplog: pytest.LogCaptureFixture) -> None:
    job = queue("breaking")

    with caplog.at_level(logging.ERROR, logger="jobs.run"):
        run.take_and_work(job_id=job.id, now=NOW)

    job.refresh_from_db()
    assert job.error_message == "The job broke off: ZeroDivisionError. The log has the details."
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_job_whose_connection_broke_in_any_statement_is_taken_up_again() -> None:
    job = queue("cut_off")

    with pytest.raises(psycopg.OperationalError):
        run.take_and_work(job_id=job.id, now=NOW)
    connection.close()
    silent(job)

    assert run.waiting(now=LATER) == [job.id]
    assert run.take_and_work(job_id=job.id, now=LATER) == JobStatus.DONE


@pytest.mark.django_db(transaction=True)
def test_a_queued_job_is_cancelled_at_once() -> None:
    job = queue("counting", total=1)

    start.cancel(job=job, now=NOW)

    job.refresh_from_db()
    assert job.status == JobStatus.CANCELLED
    with pytest.raises(start.JobAlreadyFinished, match="This job has ended already"):
        start.cancel(job=job, now=NOW)


@pytest.mark.django_db(transaction=True)
def test_a_job_that_is_given_back_while_it_is_cancelled_ends() -> None:
    job = queue("counting", total=1)
    mine = run.take(job_id=job.id, now=NOW)
    assert mine

    def cancel() -> None:
        with closing(connection):
            start.cancel(job=job, now=NOW)

    with ThreadPoolExecutor(1) as beside, transaction.atomic():
        mine.release()
        cancelled = beside.submit(cancel)
        wait([cancelled], timeout=0.5)

    cancelled.result()
    job.refresh_from_db()
    assert (job.status, job.cancel_requested_at, job.finished_at) == (JobStatus.CANCELLED, NOW, NOW)


@pytest.mark.django_db(transaction=True)
def test_a_running_job_stops_after_its_step() -> None:
    job = queue("counting", total=5)
    mine = run.take(job_id=job.id, now=NOW)
    assert mine
    start.cancel(job=job, now=NOW)

    with pytest.raises(run.JobCancelled):
        mine.advance(position={"next": 1}, done=1)


@pytest.mark.django_db(transaction=True)
def test_a_cancelled_job_whose_worker_died_ends_as_cancelled() -> None:
    job = queue("counting", total=5)
    run.take(job_id=job.id, now=NOW)
    start.cancel(job=job, now=NOW)

    assert run.take_and_work(job_id=job.id, now=LATER) == JobStatus.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_asked_to_stop_gives_its_job_back_at_once() -> None:
    job = queue("interrupted")

    with pytest.raises(KeyboardInterrupt):
        run.take_and_work(job_id=job.id, now=NOW)
    assert run.take_and_work(job_id=job.id, now=NOW) == JobStatus.DONE

    job.refresh_from_db()
    assert job.outcome == {"went_on_at": 2}


@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_to_end_stops_between_two_steps_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping = threading.Event()
    stopping.set()
    monkeypatch.setattr(run, "stopping", stopping)
    job = queue("counting", total=3)

    assert run.take_and_work(job_id=job.id, now=NOW) == JobStatus.QUEUED
    stopping.clear()
    assert run.take_and_work(job_id=job.id, now=NOW) == JobStatus.DONE

    job.refresh_from_db()
    assert (job.outcome, job.progress_done) == ({"counted": 3}, 3)


@pytest.mark.django_db(transaction=True)
def test_a_turn_ends_with_a_step_that_is_kept_and_the_next_one_goes_on() -> None:
    job = queue("counting", total=3)

    ended = [run.take_and_work(job_id=job.id, now=NOW, turn=timedelta(0)) for _turn in range(4)]

    # The third turn does the last step and gives the job back; the fourth finds nothing left to do.
    assert ended == [JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.QUEUED, JobStatus.DONE]
    assert content(job) == b"0\n1\n2\n"
    job.refresh_from_db()
    assert (job.outcome, job.progress_done, job.claim_number, job.crash_count) == ({"counted": 3}, 3, 4, 1)


@pytest.mark.django_db(transaction=True)
def test_a_job_without_a_place_to_go_on_from_is_done_in_one_turn() -> None:
    job = queue("without_a_place", total=3)

    assert run.take_and_work(job_id=job.id, now=NOW, turn=timedelta(0)) == JobStatus.DONE


@pytest.mark.django_db(transaction=True)
def test_a_failed_job_goes_on_from_its_position_when_resumed() -> None:
    job = queue("counting", total=2)
    Job.objects.filter(id=job.id).update(
        status=JobStatus.FAILED, position={"next": 1}, progress_done=1, error_code="X", finished_at=NOW, crash_count=4
    )

    start.resume(job=job)
    assert run.take_and_work(job_id=job.id, now=NOW) == JobStatus.DONE

    job.refresh_from_db()
    assert (content(job), job.error_code) == (b"1\n", "")
    with pytest.raises(start.JobNotStopped, match="failed or was cancelled"):
        start.resume(job=job)


@pytest.mark.django_db(transaction=True)
def test_the_heart_beats_while_a_long_step_runs() -> None:
    job = queue("counting", total=1)
    mine = run.take(job_id=job.id, now=NOW)
    assert mine
    beaten = threading.Event()

    with Heartbeat(mine.job, seconds=0.01):
        for _ in range(500):
            if Job.objects.get(id=job.id).heartbeat_at > NOW:
                beaten.set()
                break
            beaten.wait(0.01)

    assert beaten.is_set()


@pytest.mark.django_db
def test_a_file_is_kept_in_pieces_of_at_most_a_megabyte() -> None:
    job = queue("counting", total=1)
    mine = run.take(job_id=job.id, now=NOW)
    assert mine
    body = bytes(range(256)) * 10_000

    mine.write("big.bin", body[:100], content_type="application/octet-stream")
    mine.advance(position={}, done=1)
    mine.write("big.bin", body[100:], content_type="application/octet-stream")
    mine.end(JobStatus.DONE)

    file = JobFile.objects.get(job=job)
    assert [len(chunk.body) for chunk in file.chunks.order_by("number")] == [100, 1_000_000, 1_000_000, 559_900]
    assert file.size == 2_560_000
    assert content(job, "big.bin") == body


@pytest.mark.django_db
def test_an_unknown_kind_is_refused_when_it_is_asked_for() -> None:
    with pytest.raises(kinds.JobKindUnknown, match="no kind of job called nonsense"):
        start.start(kind="nonsense", parameters={}, actor=BEAT, now=NOW)
