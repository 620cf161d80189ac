import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from launch import processes
from launch.processes import Identity


def start(command: list[str], folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    return processes.spawn(command, environment={"PATH": os.environ["PATH"], **environment}, log=folder / "log", folder=folder)


def test_an_identity_is_alive_only_with_its_own_start_time() -> None:
    here = processes.identify(os.getpid())

    assert here is not None
    assert here.alive()
    assert not Identity(os.getpid(), "another-boot.1").alive()


def test_a_zombie_is_not_alive(folder: Path) -> None:
    child = start(["true"], folder)
    identity = processes.identify(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert identity is not None
    assert not identity.alive()
    child.wait()


def test_a_spawned_program_ignores_the_terminals_ctrl_c_for_it_has_a_session_of_its_own(folder: Path) -> None:
    child = start(["sleep", "60"], folder)

    assert os.getsid(child.pid) == child.pid
    child.kill()
    child.wait()


def test_a_log_that_grew_too_long_makes_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_BYTES", 3)
    (folder / "log").write_text("abc")
    processes.rotate(folder / "log")
    assert (folder / "log").exists()

    (folder / "log").write_text("abcd")
    processes.rotate(folder / "log")

    assert not (folder / "log").exists()
    assert (folder / "log.1").read_text() == "abcd"


def test_end_goes_on_to_the_next_signal_when_the_first_is_ignored(folder: Path) -> None:
    child = start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], folder)
    identity = processes.identify(child.pid)
    assert identity is not None
    wait_for_line(folder / "log", "ready")

    processes.end(identity, steps=((signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0)), child=child)

    assert child.returncode == -signal.SIGKILL
    os.killpg(child.pid, signal.SIGKILL)


def test_the_rest_of_a_killed_childs_session_is_ended_by_its_mark(folder: Path) -> None:
    leader = start(["sh", "-c", "sleep 61 & echo $!; wait"], folder, INSTANCE="ours")
    wait_for_line(folder / "log", "")
    orphan = processes.identify(int((folder / "log").read_text()))
    identity = processes.identify(leader.pid)
    assert identity is not None
    assert orphan is not None
    leader.kill()
    leader.wait()

    processes.end_group(identity, mark="INSTANCE=another")
    spared = orphan.alive()
    processes.end_group(identity, mark="INSTANCE=ours")

    assert spared
    assert not orphan.alive()


def wait_for_line(log: Path, text: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if log.exists() and text + "\n" in log.read_text():
            return
        time.sleep(0.02)
    raise AssertionError(f"{log} never said {text!r}")
