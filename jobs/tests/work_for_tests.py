"""Kinds of job that only tests do."""

import os
import signal
from typing import Any

from django.db import transaction

from core import database
from core.errors import DomainError
from jobs import kinds
from jobs.run import Run


class Unwilling(DomainError):
    code = "UNWILLING"


def counting(run: Run) -> dict[str, Any]:
    """Write one line a step; `dies_at`: the step in which the worker is killed, on its first turn."""
    total = run.parameters["total"]
    for step in range(run.position.get("next", 0), total):
        with transaction.atomic():
            run.write("steps.txt", b"%d\n" % step, content_type="text/plain")
            run.advance(position={"next": step + 1}, done=step + 1, total=total, unit="steps")
            if step == run.parameters.get("dies_at") and run.job.claim_number == 1:
                os.kill(os.getpid(), signal.SIGKILL)
    return {"counted": total}


def interrupted(run: Run) -> dict[str, Any]:
    """Be asked to stop after the first step, on the first turn."""
    with transaction.atomic():
        run.advance(position={"next": run.position.get("next", 0) + 1}, done=1)
    if run.job.claim_number == 1:
        raise KeyboardInterrupt
    return {"went_on_at": run.position["next"]}


def without_a_place(run: Run) -> dict[str, Any]:
    """Do its steps from the first one on, whenever it is taken up, as who writes a workbook."""
    for step in range(run.parameters["total"]):
        run.advance(position={}, done=step + 1)
    return {}


def refusing(run: Run) -> dict[str, Any]:
    raise Unwilling("I would rather not.")


def breaking(run: Run) -> dict[str, Any]:
    raise ZeroDivisionError


def cut_off(run: Run) -> dict[str, Any]:
    """Lose the database's connection in a statement that goes by Django, on the first turn."""
    if run.job.claim_number == 1:
        database.of_django().execute("SELECT pg_terminate_backend(pg_backend_pid())")
    return {}


def deadly(run: Run) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def register() -> None:
    for name in ("counting", "interrupted", "without_a_place", "refusing", "breaking", "cut_off", "deadly"):
        kinds.register(kinds.Kind(f"test_{name}", name, f"jobs.tests.work_for_tests.{name}"))
