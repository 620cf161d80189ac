import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from launch import for_tests
from launch.places import CLONE

# A run in the background ignores SIGINT, and so do its children; as in a terminal, this one must not.
DAWDLE = """
import signal
import time

signal.signal(signal.SIGINT, signal.default_int_handler)

def pytest_runtest_call(item):
    print("dawdling", flush=True)
    time.sleep(60)
"""


@pytest.mark.django_db
def test_the_tests_run_on_postgresql_with_a_c_collation() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT datlocprovider::text, datlocale, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
        )
        row = cursor.fetchone()

    assert row == ("b", "C.UTF-8", "UTF8")


@pytest.mark.parametrize("parallel", [[], ["-n", "1"]])
def test_ctrl_c_leaves_no_server_and_no_data_behind(folder: Path, parallel: list[str]) -> None:
    (folder / "dawdle.py").write_text(DAWDLE)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder), for_tests.FOLDER: str(folder / "clusters")}
    command = [sys.executable, "-m", "pytest", "-p", "dawdle", *parallel, "launch/tests/test_for_tests.py", "-k", "collation"]
    run = subprocess.Popen(command, cwd=CLONE, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(folder.glob("clusters/*/server.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    servers = [for_tests.Cluster(cluster).running() for cluster in folder.glob("clusters/*")]

    os.killpg(run.pid, signal.SIGINT)
    run.wait(timeout=60)

    assert [server for server in servers if server]
    assert [server for server in servers if server and server.alive()] == []
    assert not (folder / "clusters").exists()


def test_what_a_killed_run_left_is_known_as_abandoned(tmp_path: Path) -> None:
    left = tmp_path / f"{for_tests.PREFIX}{os.getpid()}-another-boot.1"
    left.mkdir()
    alive = for_tests.clusters_folder().name
    (tmp_path / alive).mkdir()

    assert for_tests.abandoned(left)
    assert not for_tests.abandoned(tmp_path / alive)


def test_with_a_server_of_the_callers_own_no_cluster_is_chosen() -> None:
    environment = {"DATABASE_URL": "postgresql://db/own"}

    for_tests.choose_database(environment)

    assert environment == {"DATABASE_URL": "postgresql://db/own"}


def test_the_template_changes_with_any_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(for_tests, "CLONE", tmp_path)
    (tmp_path / "requirements.txt").touch()
    before = for_tests.migrations_fingerprint()

    (tmp_path / "core" / "migrations").mkdir(parents=True)
    (tmp_path / "core" / "migrations" / "0001_initial.py").touch()

    assert for_tests.migrations_fingerprint() != before
