"""Workers hear of a job at once, and of a forgotten one by the sweep."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from access.actors import Actor
from jobs import start, tasks
from jobs.models import Job
from jobs.tests import work_for_tests


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stand in for the broker: what would be sent to it."""
    sent: list[int] = []
    monkeypatch.setattr(tasks.work, "apply_async", lambda arguments, **_options: sent.extend(arguments))
    return sent


@pytest.mark.django_db(transaction=True)
def test_a_started_job_is_offered_when_its_transaction_commits(offered: list[int]) -> None:
    work_for_tests.register()

    job = start.start(kind="test_counting", parameters={"total": 1}, actor=Actor("user", "usr_1"), now=timezone.now())

    assert offered == [job.id]
    assert job.created_by == "user:usr_1"


@pytest.mark.django_db(transaction=True)
def test_without_a_broker_the_job_is_queued_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    work_for_tests.register()

    def away(*_arguments: object, **_options: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(tasks.work, "apply_async", away)

    job = start.start(kind="test_counting", parameters={"total": 1}, actor=Actor("user", "usr_1"), now=timezone.now())

    assert Job.objects.get(id=job.id).status == "queued"


def test_tasks_belong_to_the_app_with_the_broker_in_every_thread() -> None:
    with ThreadPoolExecutor(1) as other:
        apps = {tasks.work.app, other.submit(lambda: tasks.work.app).result()}

    assert [app.main for app in apps] == ["tallybook"]


def test_a_broker_that_stands_still_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as still:
        still.bind(str(tmp_path / "sock"))
        still.listen()
        began = time.monotonic()
        broker = tasks.work.app.connection_for_write(f"redis+socket://{tmp_path}/sock")

        with broker, pytest.raises(OperationalError):
            tasks.work.apply_async([1], retry=False, connection=broker)

    assert time.monotonic() - began < 10


@pytest.mark.django_db
def test_the_sweep_offers_what_waits_too_long(offered: list[int]) -> None:
    old = timezone.now() - timedelta(seconds=11)
    forgotten = Job.objects.create(kind="test_counting", created_at=old, created_by="system:test")
    Job.objects.create(kind="test_counting", created_at=timezone.now(), created_by="system:test")

    tasks.sweep()

    assert offered == [forgotten.id]


@pytest.mark.django_db(transaction=True)
def test_a_long_job_lets_others_go_first_and_is_offered_again(offered: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    work_for_tests.register()
    monkeypatch.setattr(tasks, "TURN", timedelta(0))
    job = Job.objects.create(kind="test_counting", parameters={"total": 2}, created_at=timezone.now(), created_by="system:test")

    for turn in (1, 2):
        tasks.work(job.id)
        assert offered == [job.id] * turn
    tasks.work(job.id)

    assert offered == [job.id] * 2
    assert Job.objects.get(id=job.id).status == "done"


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_the_job() -> None:
    work_for_tests.register()
    job = Job.objects.create(kind="test_counting", parameters={"total": 2}, created_at=timezone.now(), created_by="system:test")

    tasks.work(job.id)

    assert Job.objects.get(id=job.id).status == "done"
