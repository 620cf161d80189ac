"""A dump restored into another cluster goes on exactly, once after_restore has run (semantics 19)."""

import os
import subprocess
import sys

import pytest
from django.db import connection

from launch import for_tests
from launch.accounts import server_account
from launch.places import CLONE
from launch.postgres import THROWAWAY, Cluster, programs
from meters import rollup
from tests import factories
from tests.factories import NOW, log

pytestmark = pytest.mark.django_db(transaction=True)

# Runs against the restored database: waits, goes on, and proves that nothing was lost or counted twice.
AFTERWARDS = """
import django; django.setup()
from django.core.management import call_command
from django.db import connection
from core.deployment import ClusterChanged
from core.periods import FOREVER, Period
from customers.models import Customer
from meters import rollup
from meters.definition import ALWAYS
from meters.models import Meter, UsageDay
from meters.usage import UsageRequest, quantities, recompute
from tests.factories import NOW, log

acme, meter = Customer.objects.get(), Meter.objects.get()
try:
    rollup.roll(now=NOW)
except ClusterChanged as waiting:
    print(waiting.message)
call_command("after_restore")
for number in range(3):
    log(acme, NOW, event_id=f"after-{number}")
request = UsageRequest(meter.id, acme.id, Period(ALWAYS, FOREVER))

def same():
    answer = quantities(requests=[request])
    assert answer.quantities == recompute(requests=[request]) == quantities(requests=[request], at=answer.snapshot).quantities
    return answer.quantities[request].event_count, answer.snapshot.epoch

print(*same())
rollup.roll_all(now=NOW)
print(*same(), UsageDay.objects.get().event_count)
print(rollup.roll(now=NOW).event_count)
"""


@pytest.mark.skipif(for_tests.own_cluster() is None, reason="needs clusters of its own")
def test_a_restored_dump_waits_and_then_goes_on_exactly() -> None:
    acme = factories.customer()
    factories.meter()
    for _number in range(2):
        log(acme, NOW)
    rollup.roll(now=NOW)
    log(acme, NOW)

    said = in_another_cluster(AFTERWARDS)

    assert said == [
        "This database was restored into another cluster. Run manage.py after_restore, then start again.",
        "Epoch 2 has begun. Ingest and rolling go on.",
        "6 2",
        "6 2 6",
        "0",
    ]


def in_another_cluster(script: str) -> list[str]:
    """Dump this database, restore it into a new cluster, and run a script there; returns its lines."""
    source = for_tests.own_cluster()
    assert source is not None
    restored = Cluster(source.folder.with_name(f"{source.folder.name}-restored"), settings=THROWAWAY)
    restored.start()
    try:
        restored.create_database("tallybook")
        tools = programs(server_account())
        database = connection.settings_dict["NAME"]
        dump = subprocess.run([tools.path("pg_dump"), source.url(database)], capture_output=True, check=True)
        load = [tools.path("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-o", os.devnull, restored.url("tallybook")]
        subprocess.run(load, input=dump.stdout, check=True)
        environment = {name: text for name, text in os.environ.items() if name != for_tests.FOLDER}
        environment |= {"DATABASE_URL": restored.url("tallybook"), "DJANGO_SETTINGS_MODULE": "billing_project.test_settings"}
        run = subprocess.run(
            [sys.executable, "-c", script], cwd=CLONE, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        return [line for line in run.stdout.splitlines() if not line.startswith("{")]
    finally:
        restored.destroy()
