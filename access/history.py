"""Tell the audit trail and the log who acts: every history row and log line written inside `acting` carries the actor."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pghistory
import structlog
from django.db import connection
from pghistory import runtime
from psycopg.sql import Composable

from access.actors import Actor


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Name the actor of all changes inside, on this thread.  Inside another `acting` the inner actor counts, until it ends.

    Enter it before the transaction: PostgreSQL keeps the actor until the transaction ends.
    Views of the web need nothing (the middleware does it); the API does it for its key, tasks and commands for themselves.
    """
    metadata = {"actor_kind": actor.kind, "actor_id": actor.id}
    if _present() == metadata:
        yield
        return
    with (
        structlog.contextvars.bound_contextvars(actor=str(actor)),
        connection.execute_wrapper(_as_text),
        pghistory.context() as entered,
    ):
        # pghistory would add the inner actor to the outer context, also for rows already written under it; so the inner one gets
        # a context of its own, with an id of its own.
        runtime._tracker.value = runtime.Context(id=uuid.uuid4(), metadata=metadata)
        try:
            yield
        finally:
            runtime._tracker.value = entered


def _present() -> dict[str, Any] | None:
    entered = getattr(runtime._tracker, "value", None)
    return entered.metadata if entered else None


def _as_text(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Turn psycopg's composed SQL into text: pghistory, which comes after, reads statements as text only."""
    if isinstance(sql, Composable):
        sql = sql.as_string(context["connection"].connection)
    return execute(sql, params, many, context)
