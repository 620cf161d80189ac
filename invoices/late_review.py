"""Let a person decide about late usage: let it be billed, or waive the difference that there is now, for ever."""

from datetime import datetime
from typing import Any

from django.db import transaction

from access.actors import Actor
from core.errors import DomainError
from invoices import adjustments, late
from invoices.adjusted_rows import figures_json, keep, moves_json
from invoices.adjustments import Computed
from invoices.fall_text import waterfall_json
from invoices.late_models import LateDecision, LateState, LateUsage, LateVerdict


class LateUsageNotOpen(DomainError):
    """It is decided, billed or made no difference already."""

    code = "LATE_USAGE_NOT_OPEN"


class LateUsageNotComputable(DomainError):
    """What it comes to cannot be said, and so not be waived either; it is billed once it can."""

    code = "LATE_USAGE_NOT_COMPUTABLE"


@transaction.atomic
def approve(*, found: LateUsage, reason: str, actor: Actor, now: datetime) -> LateDecision:
    """Have late usage billed on the next invoice; what changes after this is to be decided anew. Raises LateUsageNotOpen."""
    row = _open(found, LateState.OPEN)
    LateUsage.objects.filter(id=row.id).update(state=LateState.APPROVED)
    return _decided(row, LateVerdict.APPROVED, reason, actor, now)


@transaction.atomic
def waive(*, found: LateUsage, reason: str, actor: Actor, now: datetime) -> LateDecision:
    """Take the difference that there is now as billed: nothing is charged, paid back, drawn or given back.

    What changes after this is adjusted against it. Raises LateUsageNotOpen, LateUsageNotComputable.
    """
    row = _open(found, LateState.OPEN, LateState.APPROVED)
    slot = late.slot(row)
    looks = adjustments.compute([slot], may_draw=False)
    if slot in looks.problems:
        problem = looks.problems[slot]
        raise LateUsageNotComputable(
            f"Its figures cannot be made: {type(problem).__name__}: {problem}".rstrip(".") + "."
        ) from problem
    if looks.snapshot is None or slot not in looks.computed:
        raise LateUsageNotOpen("The cycle is being billed again; its late usage will be on that invoice.")
    look = looks.computed[slot]
    seen = keep(looks.snapshot)
    change = look.found.adjustment.change
    LateUsage.objects.filter(id=row.id).update(state=LateState.SETTLED, snapshot=seen)
    return _decided(
        row,
        LateVerdict.WAIVED,
        reason,
        actor,
        now,
        amount=change.amount,
        minimum_amount=change.minimum_amount,
        figures=_figures(look),
        snapshot=seen,
    )


def _open(found: LateUsage, *states: LateState) -> LateUsage:
    late.lock()
    row = LateUsage.objects.get(id=found.id)
    if row.state not in states:
        raise LateUsageNotOpen("This late usage is decided or settled already.")
    return row


def _figures(look: Computed) -> dict[str, Any]:
    found = look.found.adjustment
    stored = waterfall_json(found.waterfall)
    return {
        "phases": stored["phases"],
        "earlier": stored.get("earlier"),
        "moves": moves_json(found.moves),
        "expected": figures_json(found.expected),
        "change": figures_json(found.change),
    }


def _decided(row: LateUsage, verdict: LateVerdict, reason: str, actor: Actor, now: datetime, **about: Any) -> LateDecision:
    return LateDecision.objects.create(
        late=row, verdict=verdict, reason=reason, actor_kind=actor.kind, actor_id=actor.id, created_at=now, **about
    )
