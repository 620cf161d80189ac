"""Give every test run a real PostgreSQL, with nothing to start by hand."""

from collections.abc import Iterator

import pytest

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
