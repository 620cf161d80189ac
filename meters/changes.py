"""Say what changed in the rollups since a place in the log: what an earlier count of these days may not have seen."""

from collections.abc import Collection

from psycopg import sql

from core import deployment
from meters import positions
from meters.filter_sql import FALSE, TRUE, Parameters, template
from meters.models import RollPosition
from meters.positions import LogPosition


def reached() -> LogPosition:
    """Give the place up to which every meter is rolled up.

    What changes a bucket from now on has a position behind it: an event because it is not rolled up yet, a void because its
    transaction still runs or has not begun (Note [Positions]).
    """
    return min(positions.of(row) for row in RollPosition.objects.all())


def changed(*, since: LogPosition, parameters: Parameters, customer_ids: Collection[int] | None = None) -> sql.Composable:
    """Compose the query of what changed at `since` or later, as (meter_id, customer_id, starts_at, ends_at, log_epoch, log_xid).

    A day for each bucket that an event was merged or voided into, and an instant for each event that is not rolled up yet.
    Raises ClusterChanged.
    """
    live = positions.of(positions.live())
    return template("changed").format(
        epoch=parameters.add(since.epoch),
        xid=parameters.add(since.xid),
        # Only after a restore; without it the index of positions is enough.
        later_epochs=TRUE if since.epoch < deployment.epoch() else FALSE,
        live_epoch=parameters.add(live.epoch),
        live_xid=parameters.add(str(live.xid)),
        live_arrival=parameters.add(live.arrival),
        of_customers=_of(customer_ids, "u", parameters),
        events_of_customers=_of(customer_ids, "e", parameters),
    )


def _of(customer_ids: Collection[int] | None, row: str, parameters: Parameters) -> sql.Composable:
    if customer_ids is None:
        return TRUE
    return sql.SQL("{}.customer_id = ANY({}::bigint[])").format(sql.Identifier(row), parameters.add(sorted(customer_ids)))
