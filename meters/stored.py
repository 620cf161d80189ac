"""Read meters from the database as the pure definitions that they count by, with how far each is rolled up."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from core import database, deployment
from core.exact_json import loads
from core.periods import FOREVER, Period
from meters import filters
from meters.definition import ALWAYS, Definition
from meters.filter_sql import template
from meters.filters import FilterInvalid
from meters.models import Meter, MeterActivity
from meters.positions import LogPosition

# So many meters are read by a statement whose plan is kept; there is one for each number of meters.
FEW = 20


@dataclass(frozen=True)
class Standing:
    """Meters as one statement found them.

    definitions: of those that can be read.  unreadable: why not, of the others.  event_names: the numbers of their events' names; None
    where none ever came.  behind: the meters with a position of their own.  bound: the live position, that all others follow.
    """

    epoch: int
    live_id: int
    bound: LogPosition
    definitions: Mapping[int, Definition]
    unreadable: Mapping[int, FilterInvalid]
    event_names: Mapping[int, int | None]
    behind: frozenset[int]

    @property
    def is_in_epoch(self) -> bool:
        """Whether the live position lies in the running epoch: those of another have other transaction ids."""
        return self.bound.epoch == self.epoch


def standing(meter_ids: Iterable[int]) -> Standing:
    """Read these meters in one statement. Raises Meter.DoesNotExist for an id that is none, ZoneChanged."""
    wanted = list(dict.fromkeys(meter_ids))
    statement = template("standing").format(count=sql.Literal(len(wanted))).as_string()
    rows = database.ask(statement, {"meters": database.array(wanted)}, prepared=len(wanted) <= FEW)
    epoch, live_id, *place = rows[0][:5]
    deployment.refuse_other_zone(rows[0][-1])
    found = {row[5]: row[6:] for row in rows if row[5] is not None}
    if missing := [meter_id for meter_id in wanted if meter_id not in found]:
        raise Meter.DoesNotExist(f"no meter has the key {missing[0]}")
    definitions: dict[int, Definition] = {}
    unreadable: dict[int, FilterInvalid] = {}
    for meter_id in wanted:
        try:
            definitions[meter_id] = _definition(*found[meter_id][:5])
        except FilterInvalid as error:
            unreadable[meter_id] = error
    return Standing(
        epoch=epoch,
        live_id=live_id,
        bound=LogPosition(*place),
        definitions=definitions,
        unreadable=unreadable,
        event_names={meter_id: row[5] for meter_id, row in found.items()},
        behind=frozenset(meter_id for meter_id, row in found.items() if row[6]),
    )


def _definition(
    event_name: str, aggregation: str, over_property: str | None, tree: str | None, during: Sequence[Any]
) -> Definition:
    return Definition(
        event_name=event_name,
        aggregation=aggregation,
        over_property=over_property,
        filter=filters.parse(None if tree is None else loads(tree)),
        active=tuple(_interval(one) for one in during),
    )


def readable(meter_ids: Iterable[int]) -> tuple[Mapping[int, Definition], Mapping[int, FilterInvalid]]:
    """Read the definitions of these meters, and why those that cannot be read cannot. Raises Meter.DoesNotExist."""
    read = standing(meter_ids)
    return read.definitions, read.unreadable


def definitions(meter_ids: Iterable[int]) -> Mapping[int, Definition]:
    """Read the definitions of these meters. Raises Meter.DoesNotExist, FilterInvalid where a stored filter is none."""
    found, unreadable = readable(meter_ids)
    for error in unreadable.values():
        raise error
    return found


def activity(meter_ids: Iterable[int]) -> dict[int, tuple[Period, ...]]:
    """Read the intervals in which these meters count, ascending."""
    found: dict[int, tuple[Period, ...]] = {}
    for row in MeterActivity.objects.filter(meter__in=list(meter_ids)).order_by("meter_id", "during"):
        found[row.meter_id] = (*found.get(row.meter_id, ()), _interval(row.during))
    return found


def _interval(during: Any) -> Period:
    return Period(during.lower or ALWAYS, during.upper or FOREVER)
