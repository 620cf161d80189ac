"""Answer /healthz: is this process of use, and if not, what is missing."""

from collections.abc import Callable
from functools import cache

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing_project.celery import app

BROKER_SECONDS = 2


class Unhealthy(Exception):
    """A part does not work; the message says which and is safe to show to anyone."""


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every part works, else 503; one word or sentence for each part. Needs no login, tells no secret."""
    answers = {name: _ask(check) for name, check in CHECKS.items()}
    healthy = set(answers.values()) == {"ok"}
    return JsonResponse({"status": "ok" if healthy else "unavailable", **answers}, status=200 if healthy else 503)


def _ask(check: Callable[[], None]) -> str:
    try:
        check()
    except Unhealthy as problem:
        return str(problem)
    return "ok"


def _database() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        raise Unhealthy("does not answer") from error


def _migrations() -> None:
    try:
        waiting = waiting_migrations()
    except DatabaseError as error:
        raise Unhealthy("unknown while the database does not answer") from error
    if waiting:
        waiting_migrations.cache_clear()
        raise Unhealthy(f"{waiting} not applied: run `manage.py migrate`")


@cache
def waiting_migrations() -> int:
    """Return how many migrations are not applied. None waiting is remembered: a release that brings new ones restarts the process."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _broker() -> None:
    try:
        with app.connection_for_write(connect_timeout=BROKER_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)
    except Exception as error:  # whatever the transport raises, it is down
        raise Unhealthy("does not answer") from error


CHECKS: dict[str, Callable[[], None]] = {"database": _database, "migrations": _migrations, "broker": _broker}
