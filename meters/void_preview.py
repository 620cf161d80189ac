"""Say what voiding a selection of events would change, without changing it; bounded like every preview (semantics 32)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg import sql

from core.errors import DomainError
from core.limits import TookTooLong, within
from core.periods import Period, local_date, local_midnight
from customers.models import Customer
from events.models import EventName
from meters import meter_sql, stored, usage
from meters.aggregation import AGGREGATIONS
from meters.definition import Definition
from meters.filter_sql import Parameters, template
from meters.meter_sql import NOT_VOIDED
from meters.models import Meter
from meters.selection import Selection
from meters.usage import UsageRequest

READ_EVENTS = 100_000
READ_SECONDS = 2
SHOWN_GROUPS = 20
DAY = timedelta(days=1)
_MEANT = sql.SQL("events_event e WHERE {meant}")
# As in events.log: without a name no index is by customer and time.
_MEANT_OF_EACH_NAME = sql.SQL("""events_eventname AS each_name CROSS JOIN LATERAL (
    SELECT e.* FROM events_event e WHERE e.event_name_id = each_name.id AND {meant} ORDER BY e.timestamp DESC LIMIT %(limit)s
) AS e""")


class PreviewTooSlow(DomainError):
    """The selection is too wide to be previewed in two seconds."""

    code = "PREVIEW_TOO_SLOW"


@dataclass(frozen=True)
class Change:
    """One meter's usage by one customer in the preview's period, before and after. None is no value."""

    meter: Meter
    customer: Customer
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True)
class Preview:
    """What would be voided, at least. is_complete: all events of the selection were read, else only the newest 100,000.

    period: the selection's bounds, or the days of the billing zone from its first to its last event; None without events.
    changes: of the 20 pairs of event name and customer with the most events; more_groups: how many pairs there are besides.
    unreadable: meters of these names whose stored filter is none, so that what they would lose cannot be said.
    """

    event_count: int
    is_complete: bool
    period: Period | None
    changes: Sequence[Change]
    more_groups: int
    unreadable: Sequence[Meter] = ()


@dataclass(frozen=True)
class _Group:
    """The selected events of one name and customer."""

    event_name_id: int
    customer_id: int
    count: int
    first_at: datetime
    latest_at: datetime


def preview(selection: Selection) -> Preview:
    """Read what the selection holds and what its meters would count without it. Raises PreviewTooSlow."""
    try:
        with within(READ_SECONDS):
            groups = _groups(selection)
        count = sum(group.count for group in groups)
        period = _period(selection, groups)
        shown = groups[:SHOWN_GROUPS]
        changes, unreadable = _changes(selection, shown, period) if period else ([], [])
    except TookTooLong as error:
        raise PreviewTooSlow(
            f"Reading what this would change took longer than {READ_SECONDS} seconds. Take a shorter time or one customer."
        ) from error
    return Preview(count, count < READ_EVENTS, period, changes, len(groups) - len(shown), unreadable)


def _groups(selection: Selection) -> list[_Group]:
    parameters = Parameters()
    meant = sql.SQL("{} AND {}").format(selection.where(parameters), NOT_VOIDED)
    source = _MEANT if selection.event_ids or selection.name is not None else _MEANT_OF_EACH_NAME
    statement = template("selected").format(events=source.format(meant=meant))
    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters.bound, "limit": READ_EVENTS})
        return [_Group(*row) for row in cursor.fetchall()]


def _period(selection: Selection, groups: Sequence[_Group]) -> Period | None:
    if not groups:
        return None
    zone = settings.BILLING_TIME_ZONE
    first = local_date(min(group.first_at for group in groups), zone)
    latest = local_date(max(group.latest_at for group in groups), zone)
    return Period(selection.start or local_midnight(first, zone), selection.end or local_midnight(latest + DAY, zone))


def _changes(selection: Selection, groups: Sequence[_Group], period: Period) -> tuple[list[Change], list[Meter]]:
    """Count what each meter of the groups' names comes to before and after; and name the meters that cannot be read."""
    names = dict(EventName.objects.filter(pk__in={group.event_name_id for group in groups}).values_list("name", "pk"))
    concerned = list(Meter.objects.filter(event_name__in=names).order_by("name", "id"))
    definitions, unreadable = stored.readable(meter.pk for meter in concerned)
    meters = [meter for meter in concerned if meter.pk in definitions]
    customers = Customer.objects.in_bulk([group.customer_id for group in groups])
    of_name = {name: [one.customer_id for one in groups if one.event_name_id == name] for name in names.values()}
    requests = {
        (meter.pk, customer): UsageRequest(meter.pk, customer, period)
        for meter in meters
        for customer in of_name[names[meter.event_name]]
    }
    before = usage.quantities(requests=list(requests.values())).quantities if requests else {}
    found = []
    for meter in meters:
        customer_ids = of_name[names[meter.event_name]]
        after = _without(selection, definitions[meter.pk], customer_ids, period)
        nothing = usage.nothing(definitions[meter.pk]).quantity
        found += [
            Change(meter, customers[one], before[requests[meter.pk, one]].quantity, after.get(one, nothing))
            for one in customer_ids
        ]
    return found, [meter for meter in concerned if meter.pk in unreadable]


def _without(selection: Selection, definition: Definition, customers: Sequence[int], period: Period) -> dict[int, Decimal | None]:
    parameters = Parameters()
    statement = template("without_selected").format(
        quantity=sql.SQL(AGGREGATIONS[definition.aggregation].tally_sql),
        tally=template("tally"),
        number=meter_sql.contribution(definition, parameters),
        not_voided=NOT_VOIDED,
        selected=selection.where(parameters),
    )
    bound: dict[str, Any] = {
        "aggregation": definition.aggregation,
        "event_name": definition.event_name,
        "customers": list(customers),
        "starts_at": period.start,
        "ends_at": period.end,
    }
    with within(READ_SECONDS), connection.cursor() as cursor:
        cursor.execute(statement, {**parameters.bound, **bound})
        return dict(cursor.fetchall())
