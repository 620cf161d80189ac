"""Count single buckets of the rollups anew from raw events, after a void or a change of a meter's activity."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import sql

from core import calendar
from core.faults import fault
from core.periods import local_date
from meters import meter_sql, stored
from meters.definition import Definition
from meters.filter_sql import Parameters, template
from meters.models import RollPosition
from meters.stretch import position

QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Counted:
    """Where an event that has been rolled up lies; its buckets follow from it."""

    customer_id: int
    timestamp: datetime


def recompute_buckets(*, events: Iterable[Counted], event_name_id: int, at: Mapping[int, RollPosition]) -> None:
    """Count the buckets of these events (at least one) anew, for each meter up to its position; meters by key, all of the one name.

    The buckets' rows show that they changed now, so that what an invoice counted of them is looked at again (semantics 20).

    Within the caller's transaction, which holds the locks of these positions: see Note [Positions].
    """
    places = list(events)
    dates = [local_date(place.timestamp, settings.BILLING_TIME_ZONE) for place in places]
    calendar.cover(min(dates), max(dates))
    definitions = stored.definitions(at)
    for meter_id, row in at.items():
        _recount(meter_id, definitions[meter_id], row, event_name_id, places)
        fault("recount: one meter")


def _recount(meter_id: int, definition: Definition, row: RollPosition, event_name_id: int, places: Iterable[Counted]) -> None:
    parameters = Parameters()
    number = meter_sql.contribution(definition, parameters)
    bound: dict[str, Any] = {
        "meter": meter_id,
        "event_name": event_name_id,
        "aggregation": definition.aggregation,
        "epoch": row.log_epoch,
        "xid": str(row.log_xid),
        "arrival": row.log_arrival,
    }
    days = sorted({(place.customer_id, local_date(place.timestamp, settings.BILLING_TIME_ZONE)) for place in places})
    quarters = sorted({quarter(place.timestamp) for place in places})
    with connection.cursor() as cursor:
        cursor.execute(
            _statement("recount_days", "meters_usageday", number),
            {**parameters.bound, **bound, "customers": [day[0] for day in days], "days": [day[1] for day in days]},
        )
        cursor.execute(
            _statement("recount_quarters", "meters_meterquarter", number), {**parameters.bound, **bound, "quarters": quarters}
        )


def _statement(name: str, table: str, number: sql.Composable) -> sql.Composable:
    replace = sql.SQL("{}, {}").format(template("replace"), position(table))
    return template(name).format(
        tally=template("tally"),
        number=number,
        not_voided=meter_sql.NOT_VOIDED,
        replace=replace,
        blocks_changed=template("blocks_changed"),
    )


def quarter(instant: datetime) -> datetime:
    """Give the start of the UTC quarter hour that holds the instant."""
    return instant.replace(minute=instant.minute // 15 * 15, second=0, microsecond=0)
