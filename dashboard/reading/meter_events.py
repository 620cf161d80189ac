"""Narrow the log to what a meter counts, what carries its name and is left out, and what came under almost its name."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from django.utils.translation import gettext as _
from psycopg import sql

from dashboard import wording
from events.log import Filters
from meters import verdicts, zero
from meters.definition import Definition
from meters.filter_sql import Parameters

Show = Literal["counted", "left_out", "near"]
SHOWS: Sequence[Show] = ("counted", "left_out", "near")


def narrowed(definition: Definition, wanted: Filters, show: Show, *, why: str = "", name: str = "") -> Filters:
    """Give the filters of one list. why: one reason of `reasons` to be left out for.  name: the near name.

    What is counted and what is left out are parts of one whole: every event of the meter's name is in one of the two.
    """
    if show == "near":
        return replace(wanted, event_name=name)
    parameters = Parameters()
    cause = zero.cause_sql(definition, parameters)
    if show == "counted":
        fits = sql.SQL("{} = ''").format(cause)
    elif why:
        fits = sql.SQL("{} = {}").format(cause, parameters.add(why))
    else:
        fits = sql.SQL("{} <> ''").format(cause)
    return replace(wanted, event_name=definition.event_name, where=fits, parameters=parameters.bound)


def reasons(definition: Definition) -> list[tuple[str, str]]:
    """List for what this meter can leave an event out, each clause of its filter on its own, in the order in which it looks."""
    clauses = [
        (path, _("Not: %(clause)s") % {"clause": wording.condition(clause)})
        for path, clause in verdicts.decisive(definition.filter)
    ]
    read: Sequence[verdicts.Reason] = (
        ("property_missing", "property_is_string", "property_not_numeric") if definition.over_property is not None else ()
    )
    return [
        ("voided", _(verdicts.REASONS["voided"])),
        *clauses,
        ("archived", _(verdicts.REASONS["archived"])),
        *((name, _(verdicts.REASONS[name])) for name in read),
    ]
