"""Say of many meters at once what they came to in a stretch of whole days, for lists: two statements, however many meters.

A meter that is catching up is read from raw events elsewhere, which a list has no time for: it is told to be counted still.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from django.conf import settings

from core import database
from core.limits import TookTooLong, within
from core.money import exact
from core.periods import Period
from meters import pieces, stored, windows
from meters.filter_sql import Parameters, template
from meters.query import Asked, Query, Rollup
from meters.stored import Standing
from meters.usage import nothing

ADDED = ("count", "sum")
SECONDS = 1
"""Greatest and latest values are read customer by customer; of so many that it takes longer, a list says nothing."""

Missing = Literal["", "catching_up", "unreadable", "too_many"]


@dataclass(frozen=True)
class Glance:
    """What a meter came to. quantity: None is no value, or `missing` says why there is none.

    days: the quantity of each day, ascending, of meters that count or sum; else empty.
    """

    quantity: Decimal | None = None
    event_count: int = 0
    days: Sequence[Decimal] = ()
    missing: Missing = ""


class _MovedBack(Exception):
    """A position went back, or a meter got one of its own, since the meters were read."""


def glances(meter_ids: Iterable[int], *, days: Sequence[Period]) -> dict[int, Glance]:
    """Count some meters over consecutive days of the billing zone (at least one). Raises Meter.DoesNotExist."""
    wanted = list(meter_ids)
    while True:
        try:
            return _glances(stored.standing(wanted), days)
        except _MovedBack:
            continue


def _glances(found: Standing, days: Sequence[Period]) -> dict[int, Glance]:
    missing = {meter_id: Glance(missing="unreadable") for meter_id in found.unreadable}
    missing |= {meter_id: Glance(missing="catching_up") for meter_id in found.behind if meter_id in found.definitions}
    ready = {meter_id: one.aggregation in ADDED for meter_id, one in found.definitions.items() if meter_id not in found.behind}
    added = _added(found, [meter_id for meter_id, is_added in ready.items() if is_added], days)
    return missing | added | _each(found, [meter_id for meter_id, is_added in ready.items() if not is_added], days)


@exact()
def _added(found: Standing, meter_ids: Sequence[int], days: Sequence[Period]) -> dict[int, Glance]:
    if not meter_ids:
        return {}
    rows = _run("glance_added", found, meter_ids, "rolled_quarters", days, midnights=[day.start for day in days])
    quantities: dict[int, list[Decimal]] = {meter_id: [Decimal(0)] * len(days) for meter_id in meter_ids}
    counts: dict[int, int] = defaultdict(int)
    for _moved_back, meter_id, day, event_count, quantity_sum in rows:
        if meter_id is not None:
            is_count = found.definitions[meter_id].aggregation == "count"
            quantities[meter_id][day - 1] = Decimal(event_count) if is_count else quantity_sum or Decimal(0)
            counts[meter_id] += event_count
    return {meter_id: Glance(sum(by_day, start=Decimal(0)), counts[meter_id], by_day) for meter_id, by_day in quantities.items()}


def _each(found: Standing, meter_ids: Sequence[int], days: Sequence[Period]) -> dict[int, Glance]:
    if not meter_ids:
        return {}
    answer = {meter_id: Glance(nothing(found.definitions[meter_id]).quantity) for meter_id in meter_ids}
    try:
        with within(SECONDS):
            rows = _run("glance_each", found, meter_ids, "rolled_days", days)
    except TookTooLong:
        return dict.fromkeys(meter_ids, Glance(missing="too_many"))
    for _moved_back, meter_id, event_count, greatest, latest in rows:
        if meter_id is not None:
            is_max = found.definitions[meter_id].aggregation == "max"
            answer[meter_id] = Glance(greatest if is_max else latest, event_count)
    return answer


def _run(
    name: str, found: Standing, meter_ids: Iterable[int], rollup: Rollup, days: Sequence[Period], **bound: Any
) -> list[tuple[Any, ...]]:
    whole = Period(days[0].start, days[-1].end)
    span = windows.in_quarters(whole) if rollup == "rolled_quarters" else windows.in_days(whole, settings.BILLING_TIME_ZONE)
    definitions = {meter_id: found.definitions[meter_id] for meter_id in meter_ids}
    query = Query([Asked(meter_id, None, span) for meter_id in definitions], replace(found, definitions=definitions), rollup)
    parameters = Parameters()
    statement = template(name).format(tail=pieces.tail(query, parameters), moved_back=template("moved_back"))
    rows = database.ask(statement.as_string(), {**parameters.bound, **pieces.bound(query), **bound})
    if rows[0][0]:
        raise _MovedBack
    return rows
