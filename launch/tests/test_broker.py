import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.broker import Broker


@pytest.fixture
def broker(folder: Path) -> Iterator[Broker]:
    broker = Broker(folder / "broker")
    yield broker
    broker.destroy()


def ask(broker: Broker, command: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(broker.socket_path))
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(100)


def test_queued_work_survives_a_kill_9(broker: Broker) -> None:
    broker.start()
    assert ask(broker, "RPUSH queue one two three") == b":3\r\n"
    assert broker.child is not None
    os.kill(broker.child.pid, signal.SIGKILL)
    broker.child.wait()

    broker.start()

    assert ask(broker, "LLEN queue") == b":3\r\n"


def test_nobody_else_can_enter_its_socket_folder(broker: Broker) -> None:
    broker.start()

    assert broker.socket_folder.stat().st_mode & 0o777 == 0o700
    assert broker.data.stat().st_mode & 0o777 == 0o700
