import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from billing_project import health
from launch.broker import Broker

ALL_WELL = {"status": "ok", "database": "ok", "migrations": "ok", "broker": "ok"}


@pytest.fixture(autouse=True)
def _forget_migrations() -> None:
    health.waiting_migrations.cache_clear()


@pytest.fixture
def _broker_answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start a real broker, and lead the product to it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        broker = Broker(Path(name) / "broker")
        broker.start()
        lead_to(broker.url(), monkeypatch)
        yield
        broker.stop()


def lead_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = health.app.connection_for_write
    monkeypatch.setattr(health.app, "connection_for_write", lambda **options: connect(url, **options))


@pytest.mark.django_db
@pytest.mark.usefixtures("_broker_answers")
def test_healthz_answers_a_stranger_when_every_part_works(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, ALL_WELL)
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.usefixtures("_broker_answers")
def test_healthz_says_how_many_migrations_wait(client: Client) -> None:
    MigrationRecorder(connection).migration_qs.filter(app="core").delete()

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert "not applied: run `manage.py migrate`" in answer.json()["migrations"]


@pytest.mark.django_db
def test_healthz_says_that_the_broker_does_not_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    lead_to("redis+socket:///nowhere/sock", monkeypatch)

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json() == ALL_WELL | {"status": "unavailable", "broker": "does not answer"}
