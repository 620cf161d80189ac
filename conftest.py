"""Give every test run a real PostgreSQL, with nothing to start by hand."""

from collections.abc import Iterator
from importlib import import_module

import pytest
from django.db import connection

from core import expiring
from events import delivery, store
from launch import for_tests


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[None]:
    """Start this worker's own cluster, unless DATABASE_URL named a server."""
    cluster = for_tests.own_cluster()
    if cluster:
        cluster.start()
    yield
    if cluster:
        cluster.destroy()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, postgres_server: None) -> None:
    """Have the server up just before pytest-django makes its database."""


def pytest_unconfigure() -> None:
    """Also after Ctrl-C: leave no server and no data behind."""
    for_tests.clean_up()


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Forget what an earlier test had the process remember of a database that is no more."""
    expiring.forget()
    delivery.forget()
    store.forget()


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
