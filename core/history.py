"""Keep who changed what on configuration models (semantics 35); events and money are append-only and need none of it."""

from collections.abc import Callable
from typing import Any

import pghistory
import pgtrigger
from django.db import models


def tracked(model_name: str, *, exclude: list[str] | None = None) -> Callable[[type[models.Model]], type[models.Model]]:
    """Record every insert, update and delete of the model in the table `model_name`, with the actor of the context."""
    return pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
        model_name=model_name,
        exclude=exclude,
    )


def append_only(name: str) -> list[Any]:
    """Triggers for a table whose rows are history: neither UPDATE nor DELETE, whoever asks."""
    return [pgtrigger.Protect(name=f"{name}_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]


def never_deleted(name: str) -> list[Any]:
    """Triggers for a table whose rows others refer to for ever: no DELETE, whoever asks."""
    return [pgtrigger.Protect(name=f"{name}_never_deleted", operation=pgtrigger.Delete)]
