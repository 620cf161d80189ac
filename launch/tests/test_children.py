import os
import signal
import time
from pathlib import Path

from launch.backoff import FIRST_PAUSE_SECONDS
from launch.children import Child


def make(folder: Path, *command: str) -> Child:
    return Child("web", command, {"PATH": os.environ["PATH"]}, folder, folder / "log")


def tend_until(child: Child, happening: str) -> str:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        sentence = child.tend()
        if sentence and happening in sentence:
            return sentence
        time.sleep(0.01)
    raise AssertionError(f"nothing like {happening!r} happened")


def test_a_child_that_was_killed_is_started_again(folder: Path) -> None:
    child = make(folder, "sleep", "60")
    child.start()
    first = child.identity
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)

    assert "by signal SIGKILL" in tend_until(child, "ended")
    tend_until(child, "started again")

    assert child.identity not in {first, None}
    child.stop(deadline=0)


def test_the_pause_doubles_for_a_child_that_dies_at_once(folder: Path) -> None:
    child = make(folder, "false")
    child.start()

    first = tend_until(child, "ended")
    tend_until(child, "started again")
    second = tend_until(child, "ended")

    assert f"in {FIRST_PAUSE_SECONDS:g} s" in first
    assert f"in {2 * FIRST_PAUSE_SECONDS:g} s" in second


def test_stopping_asks_first_and_leaves_nobody_of_its_session(folder: Path) -> None:
    child = make(folder, "sh", "-c", "trap 'echo bye; exit 0' TERM; sleep 60 & echo $!; wait")
    child.start()
    assert child.identity is not None
    group = child.identity.pid
    while not (folder / "log").read_text():
        time.sleep(0.02)

    child.ask_to_stop()
    child.stop(deadline=time.monotonic() + 5)

    assert (folder / "log").read_text().endswith("bye\n")
    assert not [f for f in Path("/proc").glob("[0-9]*/stat") if _in_group(f, group)]


def _in_group(stat: Path, group: int) -> bool:
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return int(fields[2]) == group and fields[0] != "Z"
