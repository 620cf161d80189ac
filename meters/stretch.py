"""Cut the event log into stretches and count each into the rollups, once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import sql

from core import calendar
from core.faults import fault
from core.periods import local_date
from meters import meter_sql
from meters.definition import Definition
from meters.filter_sql import Parameters, template
from meters.positions import MAX_XID, LogPosition

# A stretch fits in memory; compiling the statement would cost more than running it; and a planner that takes a bulk load's few
# transactions for the whole table would read the whole table for each stretch.
SETTINGS = """
SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true)
"""


@dataclass(frozen=True)
class Stretch:
    """The events after one position up to and including another of the same epoch."""

    after: LogPosition
    latest: LogPosition
    event_count: int

    @property
    def bounds(self) -> dict[str, Any]:
        """The stretch as parameters of SQL."""
        return {
            "epoch": self.latest.epoch,
            "after_xid": str(self.after.xid),
            "after_arrival": self.after.arrival,
            "latest_xid": str(self.latest.xid),
            "latest_arrival": self.latest.arrival,
        }


@dataclass(frozen=True)
class NameInStretch:
    """An event name that a stretch holds, with its first and latest timestamp there."""

    event_name_id: int
    name: str
    first_at: datetime
    latest_at: datetime


def following(after: LogPosition, *, before: LogPosition, size: int) -> Stretch | None:
    """Find the next events after a position and before another (excluded), at most `size` of them, all of one epoch."""
    for epoch in range(after.epoch, before.epoch + 1):
        start = after if epoch == after.epoch else LogPosition(epoch, 0, 0)
        end = before if epoch == before.epoch else LogPosition(epoch, MAX_XID, 0)
        if found := _one_epoch(start, end, size):
            return found
    return None


def _one_epoch(after: LogPosition, before: LogPosition, size: int) -> Stretch | None:
    with connection.cursor() as cursor:
        cursor.execute(
            template("stretch"),
            {
                "epoch": after.epoch,
                "after_xid": str(after.xid),
                "after_arrival": after.arrival,
                "before_xid": str(before.xid),
                "before_arrival": before.arrival,
                "size": size,
            },
        )
        row = cursor.fetchone()
    if row is None:
        return None
    xid, arrival, event_count = row
    return Stretch(after, LogPosition(after.epoch, xid, arrival), event_count)


def names_in(stretch: Stretch) -> list[NameInStretch]:
    """List the event names that occur in the stretch; within the transaction that counts it."""
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS)
        cursor.execute(template("stretch_names"), stretch.bounds)
        return [NameInStretch(*row) for row in cursor.fetchall()]


def count(stretch: Stretch, names: Sequence[NameInStretch], definitions: Mapping[int, Definition]) -> None:
    """Add what the stretch holds to these meters' rollups; within the caller's transaction, under the position's lock."""
    concerned = [name for name in names if any(d.event_name == name.name for d in definitions.values())]
    if not concerned:
        return
    zone = settings.BILLING_TIME_ZONE
    first_day = local_date(min(name.first_at for name in concerned), zone)
    latest_day = local_date(max(name.latest_at for name in concerned), zone)
    calendar.cover(first_day, latest_day)
    fault("roll: days covered")
    parameters = Parameters()
    statement = template("roll").format(
        **_arrays(concerned, definitions, parameters),
        not_voided=meter_sql.NOT_VOIDED,
        tally=template("tally"),
        merge_day=merge("meters_usageday"),
        merge_quarter=merge("meters_meterquarter"),
        blocks_changed=template("blocks_changed"),
    )
    with connection.cursor() as cursor:
        cursor.execute(SETTINGS)
        cursor.execute(
            statement,
            {
                **parameters.bound,
                **stretch.bounds,
                "first_day": first_day,
                "latest_day": latest_day,
                "most": _most(stretch, definitions),
            },
        )


def _most(stretch: Stretch, definitions: Mapping[int, Definition]) -> int:
    """Give how often events of the stretch can count at most: each once for every meter of its name."""
    return stretch.event_count * max(Counter(definition.event_name for definition in definitions.values()).values())


def _arrays(
    names: Iterable[NameInStretch], definitions: Mapping[int, Definition], parameters: Parameters
) -> dict[str, sql.Composable]:
    """Compose, by an event's name, its meters' keys, their aggregations and what the event adds to each."""
    arms: dict[str, list[sql.Composable]] = {"meters": [], "aggregations": [], "numbers": []}
    for name in names:
        chosen = {meter_id: d for meter_id, d in definitions.items() if d.event_name == name.name}
        columns: dict[str, list[sql.Composable]] = {
            "meters": [sql.SQL("{}::bigint").format(sql.Literal(meter_id)) for meter_id in chosen],
            "aggregations": [sql.SQL("{}::text").format(sql.Literal(d.aggregation)) for d in chosen.values()],
            "numbers": [meter_sql.contribution(d, parameters) for d in chosen.values()],
        }
        for column, elements in columns.items():
            arms[column].append(
                sql.SQL("WHEN {} THEN ARRAY[{}]").format(sql.Literal(name.event_name_id), sql.SQL(", ").join(elements))
            )
    return {column: sql.SQL("CASE e.event_name_id {} END").format(sql.SQL(" ").join(rows)) for column, rows in arms.items()}


def merge(table: str) -> sql.Composable:
    """Compose how a freshly counted bucket is merged into the row that stands in a rollup table."""
    row = sql.Identifier(table)
    return sql.SQL("{}, {}").format(
        template("merge").format(table=row, newer=template("newer").format(table=row)), position(table)
    )


def position(table: str) -> sql.Composable:
    """Compose how a rollup row keeps the greatest log position merged or voided into it."""
    row = sql.Identifier(table)
    return template("position").format(table=row, later=template("later").format(table=row))
