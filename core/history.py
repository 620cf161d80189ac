"""Keep who changed what on configuration models (semantics 35); events and money are append-only and need none of it."""

from collections.abc import Callable, Sequence
from typing import Any

import pghistory
import pgtrigger
from django.db import models
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _


def tracked(
    model_name: str, *, exclude: Sequence[str] = (), secret: Sequence[str] = ()
) -> Callable[[type[models.Model]], type[models.Model]]:
    """Record every insert, update and delete of the model in the table `model_name`, with the actor of the context.

    exclude: columns that play no part.  secret: columns that are not kept either, but whose change is, as a row labelled NAME_changed.
    """

    def track(model: type[models.Model]) -> type[models.Model]:
        recorded = pghistory.track(
            pghistory.InsertEvent(),
            pghistory.UpdateEvent(),
            pghistory.DeleteEvent(),
            *(pghistory.UpdateEvent(f"{name}_changed", condition=pgtrigger.AnyChange(name)) for name in secret),
            model_name=model_name,
            exclude=[*exclude, *secret],
            meta=named(model._meta.verbose_name_plural),
        )
        return recorded(model)

    return track


def named(rows: Any) -> dict[str, Any]:
    """Name a table of history, by the name of the rows that it is of; the same for one row and for many."""
    name = format_lazy(_("history of {rows}"), rows=rows)
    return {"verbose_name": name, "verbose_name_plural": name}


# Emptying a table asks no trigger of its rows: TRUNCATE, and so `manage.py flush`, would pass by those below. Tests, which begin with empty
# tables, say so for their connections.
_NEVER_EMPTIED = """
IF current_setting('tallybook.may_be_emptied', true) IS DISTINCT FROM 'on' THEN
    RAISE EXCEPTION '% is kept for ever: it is never emptied', TG_TABLE_NAME;
END IF;
RETURN NULL;
"""


def never_emptied(name: str) -> Any:
    """Make the trigger for a table that is kept: no TRUNCATE, whoever asks."""
    return pgtrigger.Trigger(
        name=f"{name}_never_emptied",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func=_NEVER_EMPTIED,
    )


def append_only(name: str) -> list[Any]:
    """Triggers for a table whose rows are history: no UPDATE, DELETE or TRUNCATE, whoever asks."""
    protected = pgtrigger.Protect(name=f"{name}_append_only", operation=pgtrigger.Update | pgtrigger.Delete)
    return [protected, never_emptied(name)]


def never_deleted(name: str) -> list[Any]:
    """Triggers for a table whose rows others refer to for ever: no DELETE or TRUNCATE, whoever asks."""
    return [pgtrigger.Protect(name=f"{name}_never_deleted", operation=pgtrigger.Delete), never_emptied(name)]
