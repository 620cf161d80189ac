import os
from pathlib import Path

import pytest

from launch import places
from launch.accounts import Account, server_account
from launch.problems import CannotStart

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers under another account")


@pytest.fixture
def outside(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    outside = folder / "outside"
    monkeypatch.setattr(places, "OUTSIDE", outside)
    return outside


def test_a_servers_data_are_kept_in_var_where_it_can_reach_it(folder: Path, outside: Path) -> None:
    assert places.server_folder(folder / "var", "postgres", server_account()) == folder / "var" / "postgres"


@as_root
def test_a_servers_data_are_kept_outside_a_clone_that_it_cannot_reach(folder: Path, outside: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    var = home / "clone" / "var"

    first = places.server_folder(var, "postgres", server_account())

    assert first.parent == outside
    assert places.server_folder(var, "postgres", server_account()) == first


@as_root
def test_two_clones_keep_their_data_apart_and_a_moved_one_finds_its_own(folder: Path, outside: Path) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    first = places.server_folder(home / "one" / "var", "postgres", server_account())

    second = places.server_folder(home / "two" / "var", "postgres", server_account())
    (home / "one").rename(home / "moved")

    assert second != first
    assert places.server_folder(home / "moved" / "var", "postgres", server_account()) == first


@as_root
def test_programs_out_of_reach_are_copied_once_with_what_stands_beside_them(folder: Path, outside: Path) -> None:
    venv = folder / "venv"
    (venv / "server").mkdir(parents=True)
    (venv / "libs").mkdir()
    (venv / "libs" / "lib.so").write_text("library")
    program = venv / "server" / "run"
    program.write_text("#!/bin/sh")
    program.chmod(0o700)
    venv.chmod(0o700)
    account = server_account()

    def copy() -> Path:
        return places.reachable_copy(venv / "server", needed=program, beside=(venv / "libs",), version="1", account=account)

    first = copy()
    (first / "mark").touch()

    assert copy() == first
    assert (first / "mark").exists()
    assert account.can("-x", first / "run")
    assert account.can("-r", first.parent / "libs" / "lib.so")


def test_programs_within_reach_are_used_where_they_are(folder: Path, outside: Path) -> None:
    program = folder / "run"
    program.write_text("#!/bin/sh")
    program.chmod(0o755)

    assert places.reachable_copy(folder, needed=program, beside=(), version="1", account=server_account()) == folder
    assert not outside.exists()


def test_a_socket_folder_that_somebody_else_made_is_refused(folder: Path) -> None:
    theirs = folder / "theirs"
    theirs.symlink_to("/tmp")  # noqa: S108

    with pytest.raises(CannotStart, match="belongs to somebody else"):
        places.make_private(theirs, Account(os.geteuid(), os.getegid()))
