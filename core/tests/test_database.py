import copy
import os
import resource
import signal
import socket
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import connection

from core import database
from core.database import Impatient

PAST_SELECT = 1500


def test_a_connection_is_judged_by_its_socket_also_where_a_process_has_thousands() -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= PAST_SELECT:
        pytest.skip("no process may have as many sockets here")
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(end) for end in socket.socketpair())
        high = os.dup2(ours.fileno(), PAST_SELECT)
        stack.callback(os.close, high)
        idle: Any = SimpleNamespace(closed=False, pgconn=SimpleNamespace(socket=high))

        assert database.is_usable(idle)

        theirs.send(b"x")
        idle.pgconn.consume_input, idle.pgconn.status = lambda: None, None
        assert not database.is_usable(idle)


@pytest.mark.django_db
def test_a_backend_that_stands_still_is_given_up() -> None:
    opened = database.connect(database.parameters(application="tests"), patience=0.3)
    opened.execute("SELECT 1")
    backend = opened.info.backend_pid

    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(psycopg.OperationalError):
            opened.execute("SELECT 2")
    finally:
        os.kill(backend, signal.SIGCONT)

    assert opened.closed


@pytest.mark.django_db
def test_a_statement_that_is_given_up_by_the_server_costs_no_connection() -> None:
    with database.connect(database.parameters(application="tests"), patience=20) as opened:
        opened.execute("SET statement_timeout = '10ms'")

        with pytest.raises(psycopg.errors.QueryCanceled):
            opened.execute("SELECT pg_sleep(5)")

        assert not opened.closed


def test_connections_of_pages_wait_a_little_longer_than_their_server_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        connection, "settings_dict", copy.deepcopy(connection.settings_dict) | {"OPTIONS": {"pool": {"max_size": 1}}}
    )
    monkeypatch.setattr(Impatient, "patience", None)

    database.limit_statements(7)

    assert connection.settings_dict["OPTIONS"] == {
        "options": "-c statement_timeout=7s",
        "pool": {"max_size": 1, "connection_class": Impatient},
    }
    assert Impatient.patience == 7 + database.LATE_SECONDS
