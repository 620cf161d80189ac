import os
from pathlib import Path

import pytest

from launch.instance import Instance
from launch.problems import CannotStart


def test_a_second_supervisor_of_the_same_clone_is_refused(folder: Path) -> None:
    first = Instance(folder / "var")
    first.claim()
    with pytest.raises(CannotStart, match="already runs in this clone, and is still starting: stop that one first"):
        Instance(folder / "var").claim()
    first.record_run({"PORT": "8123"})

    with pytest.raises(CannotStart, match="already runs in this clone, on port 8123"):
        Instance(folder / "var").claim()
    first.release()
    second = Instance(folder / "var")
    second.claim()
    second.release()


def test_the_environment_is_known_only_while_its_supervisor_lives(folder: Path) -> None:
    instance = Instance(folder)
    assert instance.running_environment() is None

    instance.record_run({"PORT": "8123"})
    known = instance.running_environment()
    (folder / "run.json").write_text((folder / "run.json").read_text().replace(str(os.getpid()), "1"))

    assert known == {"PORT": "8123"}
    assert instance.running_environment() is None


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(folder: Path) -> None:
    instance = Instance(folder)

    key = instance.secret_key()

    assert len(key) > 50
    assert instance.secret_key() == key
    assert (folder / "secret-key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("record", ["", "{", "[1]", "7"])
def test_a_record_that_is_not_whole_counts_as_none(folder: Path, record: str) -> None:
    for name in ("run.json", "children.json"):
        (folder / name).write_text(record)
    instance = Instance(folder)

    instance.end_leftovers()

    assert instance.running_environment() is None
    assert (folder / "children.json").read_text() == "{}"
