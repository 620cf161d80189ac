"""Say in SQL what an event adds to a meter; the event is `e`, a row of events_event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import sql

from core.periods import FOREVER, Period
from meters import filter_sql
from meters.definition import ALWAYS, Definition
from meters.filter_sql import FALSE, TRUE, Parameters, template

METADATA = sql.SQL("e.metadata")
NOT_VOIDED = template("not_voided").format(visible=TRUE, later_visible=TRUE)


@dataclass(frozen=True)
class Snapshot:
    """Which events one statement saw: those of earlier epochs, and of its own epoch what the pg_snapshot sees (semantics 19)."""

    epoch: int
    pg_snapshot: str


def contribution(definition: Definition, parameters: Parameters) -> sql.Composable:
    """Compose what the event adds: 1 for count, else its number; NULL where the meter does not count it.

    That the event carries the meter's name is for the caller to see to.
    """
    key = definition.over_property
    number = sql.SQL("1::numeric") if key is None else filter_sql.number(key, parameters, metadata=METADATA)
    matching = filter_sql.where(definition.filter, parameters, metadata=METADATA)
    counted = sql.SQL(" AND ").join([matching, active(definition.active, parameters)])
    return sql.SQL("CASE WHEN {} THEN {} END").format(counted, number)


def active(intervals: Iterable[Period], parameters: Parameters) -> sql.Composable:
    """Compose whether the event's timestamp lies in one of the intervals."""
    inside = [_inside(interval, parameters) for interval in intervals]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(inside)) if inside else FALSE


def _inside(interval: Period, parameters: Parameters) -> sql.Composable:
    bounds = []
    if interval.start != ALWAYS:
        bounds.append(sql.SQL("e.timestamp >= {}").format(parameters.add(interval.start)))
    if interval.end != FOREVER:
        bounds.append(sql.SQL("e.timestamp < {}").format(parameters.add(interval.end)))
    return sql.SQL(" AND ").join(bounds) if bounds else TRUE


def by_meter(definitions: Mapping[int, Definition], parameters: Parameters, *, meter: sql.Composable) -> sql.Composable:
    """Compose what the event adds to the meter whose key `meter` gives, one of these."""
    if len(definitions) == 1:
        return contribution(next(iter(definitions.values())), parameters)
    arms = [
        sql.SQL("WHEN {} THEN {}").format(sql.Literal(meter_id), contribution(definition, parameters))
        for meter_id, definition in definitions.items()
    ]
    return sql.SQL("CASE {} {} END").format(meter, sql.SQL(" ").join(arms)) if arms else sql.SQL("NULL::numeric")


def voided_at(snapshot: Snapshot | None, parameters: Parameters) -> sql.Composable:
    """Compose that the event is not void: as of now, or as the snapshot saw it."""
    if snapshot is None:
        return NOT_VOIDED
    return template("not_voided").format(
        visible=seen(snapshot, parameters, row="v"),
        later_visible=seen(snapshot, parameters, row="later"),
    )


def seen(snapshot: Snapshot | None, parameters: Parameters, *, row: str = "e") -> sql.Composable:
    """Compose that a row with a log position was visible to the snapshot; without one, true."""
    if snapshot is None:
        return TRUE
    return sql.SQL(
        "({row}.log_epoch < {epoch} OR ({row}.log_epoch = {epoch} AND pg_visible_in_snapshot({row}.log_xid, {seen})))"
    ).format(
        row=sql.Identifier(row),
        epoch=parameters.add(snapshot.epoch),
        seen=sql.SQL("{}::pg_snapshot").format(parameters.add(snapshot.pg_snapshot)),
    )
