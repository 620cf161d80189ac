"""Serve what became of an event: each meter's verdict clause by clause, near misses, the invoice lines that carry it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import event_voids, events, shapes
from api.v1.deployment import business_id
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from events.models import EventConflict, RefusedRequest, RejectedEvent
from events.refusals import REFUSED_WITH_OTHERS
from invoices import trace
from invoices.trace import CarryingLine
from meters import explain, verdicts
from meters.explain import MeterNearMiss, MeterVerdict
from meters.filters import Kind
from meters.verdicts import ConditionVerdict

WITH_OTHERS = (
    "The event has no problem of its own: its request was refused for others of its events. "
    "Send it again, or replay the request's good rest in the dashboard."
)


class ClauseAnswer(msgspec.Struct, kw_only=True):
    """One condition of a meter's filter against the event; false for a missing property and for one of another type.

    path: where it stands in the filter, such as filter.clauses[1].clauses[0].
    """

    path: str
    key: str
    operator: str
    expected: Any
    actual: Any
    actual_type: Kind | None
    holds: bool
    reason: verdicts.ClauseReason | None


class MeterVerdictAnswer(msgspec.Struct, kw_only=True):
    """What a meter over the event's name makes of it. quantity: what it adds, null where not counted. message: the reason in words."""

    meter_id: str
    name: str
    counted: bool
    quantity: str | None
    reason: verdicts.Reason | None
    message: str | None
    clauses: list[ClauseAnswer]


class NearMissAnswer(msgspec.Struct, kw_only=True):
    """Something that the event almost has of what a meter asks for. path: event_name, aggregation.key or a clause of the filter."""

    meter_id: str
    kind: verdicts.NearMissKind
    path: str
    expected: str
    actual: str
    message: str


class CarryingLineAnswer(msgspec.Struct, kw_only=True):
    """A line of an issued invoice over the event's time. quantity: what the event adds by the definition stored on the line.

    standing: counted; counted_voided_since; void_then (not counted, for it was void); arrived_after (late: the next invoice adjusts).
    """

    line_id: str
    invoice_id: str
    invoice_number: str | None
    invoice_status: str
    kind: str
    meter_id: str
    period_start: datetime
    period_end: datetime
    issued_at: datetime | None
    standing: trace.Standing
    quantity: str


class UnbilledAnswer(msgspec.Struct, kw_only=True):
    """A meter that counts the event, which is on no invoice yet. subscription_id: whose next invoice has it; null: billed to nobody."""

    meter_id: str
    subscription_id: str | None


class ConflictAnswer(msgspec.Struct, kw_only=True):
    """Another content that was sent under the event's id; the first stands."""

    content: Any
    seen_count: int
    first_seen_at: datetime
    latest_seen_at: datetime
    status: str


class RefusalAnswer(msgspec.Struct, kw_only=True):
    """An attempt to send the id that was refused. replayed: status says that it was taken in later.

    code REFUSED_WITH_OTHERS: the event had no problem, but others of its request had.
    """

    code: str
    message: str
    field: str | None
    status: str
    seen_count: int
    first_received_at: datetime
    latest_received_at: datetime


class ExplanationAnswer(msgspec.Struct, kw_only=True):
    """All that is known of an event id. event: null where it was only refused. replaces: the voids in whose place it stands.

    Conflicts and refusals: the newest 20 of each kind.
    """

    event: events.EventAnswer | None
    status: explain.Status
    meters: list[MeterVerdictAnswer]
    near_misses: list[NearMissAnswer]
    invoice_lines: list[CarryingLineAnswer]
    unbilled: list[UnbilledAnswer]
    voids: list[event_voids.ActAnswer]
    replaces: list[event_voids.ActAnswer]
    conflicts: list[ConflictAnswer]
    refusals: list[RefusalAnswer]


class EventExplain(Resource):
    """/events/{event_id}/explain"""

    @describes("Explain what became of an event", query=shapes.LocaleQuery, answer=ExplanationAnswer, errors=[404])
    def get(self, request: Request, event_id: str) -> HttpResponse:
        found = explain.explain(event_id)
        traced = trace.trace(found)
        return answer(
            ExplanationAnswer(
                event=events.shown(found.event, business_id()) if found.event else None,
                status=found.status,
                meters=[_meter(one) for one in found.meters],
                near_misses=[_near_miss(one) for one in found.near_misses],
                invoice_lines=[_line(one) for one in traced.lines],
                unbilled=[
                    UnbilledAnswer(
                        meter_id=one.meter.public_id, subscription_id=one.subscription.public_id if one.subscription else None
                    )
                    for one in traced.unbilled
                ],
                voids=[event_voids.act_shown(act) for act in found.acts],
                replaces=[event_voids.act_shown(act) for act in found.replaces],
                conflicts=_conflicts(found.conflicts),
                refusals=[*_refusals(found.refusals), *_with_others(found.with_others)],
            )
        )


def _meter(judged: MeterVerdict) -> MeterVerdictAnswer:
    verdict = judged.verdict
    return MeterVerdictAnswer(
        meter_id=judged.meter.public_id,
        name=judged.meter.name,
        counted=verdict.counted,
        quantity=None if verdict.quantity is None else plain(verdict.quantity),
        reason=verdict.reason,
        message=verdicts.REASONS[verdict.reason] if verdict.reason else None,
        clauses=[_clause(one) for one in verdict.conditions],
    )


def _clause(one: ConditionVerdict) -> ClauseAnswer:
    return ClauseAnswer(
        path=one.path,
        key=one.condition.key,
        operator=one.condition.operator,
        expected=one.condition.value,
        actual=one.actual,
        actual_type=one.actual_type,
        holds=one.holds,
        reason=one.reason,
    )


def _near_miss(one: MeterNearMiss) -> NearMissAnswer:
    return NearMissAnswer(
        meter_id=one.meter.public_id,
        kind=one.miss.kind,
        path=one.miss.path,
        expected=one.miss.expected,
        actual=one.miss.actual,
        message=verdicts.NEAR_MISSES[one.miss.kind],
    )


def _line(one: CarryingLine) -> CarryingLineAnswer:
    line, invoice = one.line, one.line.invoice
    return CarryingLineAnswer(
        line_id=line.public_id,
        invoice_id=invoice.public_id,
        invoice_number=invoice.number,
        invoice_status=invoice.status,
        kind=line.kind,
        meter_id=line.meter.public_id if line.meter else "",
        period_start=line.period_start,
        period_end=line.period_end,
        issued_at=invoice.issued_at,
        standing=one.standing,
        quantity=plain(one.quantity),
    )


def _conflicts(rows: Iterable[EventConflict]) -> list[ConflictAnswer]:
    return [
        ConflictAnswer(
            content=row.content,
            seen_count=row.seen_count,
            first_seen_at=row.first_seen_at,
            latest_seen_at=row.latest_seen_at,
            status=row.status,
        )
        for row in rows
    ]


def _refusals(rows: Sequence[RejectedEvent]) -> list[RefusalAnswer]:
    return [
        RefusalAnswer(
            code=row.code,
            message=row.message,
            field=row.field or None,
            status=row.status,
            seen_count=row.request.seen_count,
            first_received_at=row.request.first_received_at,
            latest_received_at=row.request.latest_received_at,
        )
        for row in rows
    ]


def _with_others(rows: Sequence[RefusedRequest]) -> list[RefusalAnswer]:
    return [
        RefusalAnswer(
            code=REFUSED_WITH_OTHERS,
            message=WITH_OTHERS,
            field=None,
            status=row.status,
            seen_count=row.seen_count,
            first_received_at=row.first_received_at,
            latest_received_at=row.latest_received_at,
        )
        for row in rows
    ]
