"""Give every test run a real PostgreSQL, with nothing to start by hand."""

from collections.abc import Iterator
from importlib import import_module

import pytest
from django.db import connection
from hypothesis import settings

from api.v1 import rate
from core import deployment, expiring
from events import delivery, store
from launch import for_tests

# The same examples at every run, so that a change is judged by what it changed; `ARGS=--hypothesis-profile=search` looks for new ones.
settings.register_profile("same", derandomize=True)
settings.register_profile("search", max_examples=1000)
settings.load_profile("same")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> Iterator[None]:
    """Start this worker's own cluster, with the test database in it, unless DATABASE_URL named a server."""
    cluster = for_tests.own_cluster()
    if cluster:
        for_tests.start(cluster, database=connection.creation._get_test_db_name())  # type: ignore[attr-defined]
    yield
    if cluster:
        cluster.destroy()


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest) -> bool:
    """Take the test database of our own cluster as it is: it came migrated, and goes with its cluster."""
    return for_tests.own_cluster() is not None or bool(request.config.getvalue("reuse_db"))


def pytest_unconfigure() -> None:
    """Also after Ctrl-C: leave no server and no data behind."""
    for_tests.clean_up()


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Forget what an earlier test had the process remember of a database that is no more."""
    expiring.forget()
    deployment.remember_former_zones(())
    delivery.forget()
    store.forget()
    rate.forget()


BASE_ROWS = (
    ("core.migrations.0002_deployment", "create_deployment"),
    ("access.migrations.0002_roles", "create_roles"),
    ("meters.migrations.0002_live_position", "create_live_position"),
    ("invoices.migrations.0002_seller", "create_seller"),
)


@pytest.fixture(autouse=True)
def base_rows(request: pytest.FixtureRequest) -> None:
    """Write the migrations' rows again where a test with real commits had its tables emptied afterwards."""
    if "_django_db_helper" not in request.fixturenames and not request.node.get_closest_marker("django_db"):
        return
    request.getfixturevalue("_django_db_helper")
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM core_deployment)")
        if cursor.fetchone() == (True,):
            return
    editor = connection.schema_editor()
    for module, function in BASE_ROWS:
        getattr(import_module(module), function)(None, editor)
