import os
import resource
import socket
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from core import database

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
