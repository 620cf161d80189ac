"""Change the billing zone: cut all days anew and count usage again by them (semantics 4)."""

import json
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from core import deployment
from meters import positions
from meters.models import Meter, RollPosition

EMPTIED = ("meters_usageblock", "meters_meterblock", "meters_usageday", "meters_meterquarter", "core_billingday")


@transaction.atomic
def adopt(*, now: datetime) -> bool:
    """Make settings.BILLING_TIME_ZONE the stored zone and forget what was counted by the old one's days; False if it is so already.

    The roller counts everything again; usage stays exact meanwhile. Running cycles keep the boundaries that they have, for the zone
    before is kept with `now`. See Note [Another zone] in products.cycles.
    """
    live, own = positions.lock(Meter.objects.values_list("id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SELECT billing_time_zone FROM core_deployment FOR UPDATE")
        (former,) = cursor.fetchone()
        if former == settings.BILLING_TIME_ZONE:
            return False
        for table in EMPTIED:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 -- names of our own
        kept = json.dumps([{"name": former, "until": now.isoformat()}])
        cursor.execute(
            "UPDATE core_deployment SET billing_time_zone = %s, former_zones = former_zones || %s::jsonb",
            [settings.BILLING_TIME_ZONE, kept],
        )
    for row in own.values():
        row.delete()
    RollPosition.objects.filter(id=live.id).update(log_epoch=0, log_xid=0, log_arrival=0, rolled_at=None)
    deployment.remember_former_zones(None)
    return True
