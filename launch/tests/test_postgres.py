import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from launch import processes
from launch.places import CLONE
from launch.postgres import THROWAWAY, Cluster, OtherMajorVersion, programs

STARTER = """
import sys
from pathlib import Path
from launch.postgres import THROWAWAY, Cluster
print(Cluster(Path(sys.argv[1]), settings=THROWAWAY).start().pid, flush=True)
sys.stdin.read()
"""


def start_in_another_process(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)], cwd=CLONE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def wait_until_gone(identity: processes.Identity, *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while identity.alive() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_cluster_keeps_its_data_when_started_again(cluster: Cluster) -> None:
    cluster.start()
    cluster.create_database("kept")
    cluster.query("CREATE TABLE t AS SELECT 42 AS n", database="kept")
    cluster.stop()

    cluster.start()
    cluster.create_database("kept")

    assert cluster.query("SELECT n FROM t", database="kept") == "42"


def test_stopping_does_not_wait_for_those_who_are_connected(cluster: Cluster) -> None:
    cluster.start()
    psql = programs(cluster.account).path("psql")
    client = subprocess.Popen([psql, cluster.url("postgres"), "-qc", "SELECT pg_sleep(60)"], stderr=subprocess.DEVNULL)
    while cluster.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'") != "2":
        time.sleep(0.02)

    cluster.stop()

    assert client.wait(timeout=5) != 0
    assert "received fast shutdown request" in cluster.log.read_text()


def test_six_processes_that_start_it_at_once_share_one_server(cluster: Cluster) -> None:
    starters = [start_in_another_process(cluster.folder) for _ in range(6)]

    pids = {starter.stdout.readline().strip() for starter in starters if starter.stdout}

    for starter in starters:
        starter.communicate()
    assert len(pids) == 1
    assert pids != {""}


def test_it_starts_again_after_a_kill_9_of_server_and_backends_with_what_was_committed(folder: Path) -> None:
    cluster = Cluster(folder / "durable")
    first = cluster.start()
    cluster.query("CREATE TABLE t AS SELECT 7 AS n")
    os.killpg(first.pid, signal.SIGKILL)
    assert cluster.child is not None
    cluster.child.wait()

    second = cluster.start()

    assert second != first
    assert cluster.query("SELECT n FROM t") == "7"
    cluster.destroy()


def test_it_starts_again_while_the_killed_server_is_a_zombie_that_nobody_reaped(cluster: Cluster) -> None:
    first = cluster.start()
    zombie = cluster.child
    assert zombie is not None
    os.kill(first.pid, signal.SIGKILL)
    os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)

    second = cluster.start()

    assert second != first
    assert cluster.query("SELECT 1") == "1"
    zombie.wait()


def test_it_ends_with_the_process_that_started_it_even_killed(cluster: Cluster) -> None:
    starter = start_in_another_process(cluster.folder)
    assert starter.stdout is not None
    server = processes.identify(int(starter.stdout.readline()))
    starter.kill()
    starter.communicate()

    assert server is not None
    wait_until_gone(server)

    assert not server.alive()
    assert cluster.start() != server


def test_a_stale_pid_file_whose_number_belongs_to_another_process_does_not_stop_it(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    stranger = cluster.spawn(["sleep", "60"], log=cluster.folder / "stranger.log", death_signal=signal.SIGKILL)
    pid_file = cluster.data / "postmaster.pid"
    pid_file.write_text(f"{stranger.pid}\n{cluster.data}\n1700000000\n5432\n{cluster.socket_folder}\n\n  1234567   1\n")
    cluster.account.own(pid_file, 0o600)

    cluster.start()

    assert cluster.query("SELECT 1") == "1"
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_record_whose_number_belongs_to_another_process_ends_nobody(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    identity = processes.identify(stranger.pid)
    assert identity is not None
    record = asdict(identity) | {"started": "another-boot.1"}
    (cluster.folder / "server.json").write_text(json.dumps(record))

    cluster.stop()

    assert cluster.running() is None
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_data_of_another_major_version_are_refused_with_the_way_to_dump_them(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    (cluster.data / "PG_VERSION").write_text("17\n")

    with pytest.raises(OtherMajorVersion, match=r"holds data of PostgreSQL 17 and this release brings 18: .*pg_dumpall -h"):
        cluster.start()


def test_a_folder_too_deep_for_a_socket_is_served_all_the_same(folder: Path) -> None:
    deep = folder / ("deep-" * 10) / ("er-" * 20)
    deep.parent.mkdir(mode=0o755)
    cluster = Cluster(deep, settings=THROWAWAY)

    try:
        cluster.start()

        assert cluster.query("SELECT 1") == "1"
        assert len(str(cluster.socket_folder / cluster.socket_name)) < 107
        assert cluster.socket_folder.stat().st_mode & 0o777 == 0o700
    finally:
        cluster.destroy()
    assert not cluster.socket_folder.exists()


def test_a_kill_in_the_middle_of_making_the_data_leaves_nothing_in_the_way(cluster: Cluster) -> None:
    (cluster.folder / "data.new" / "base").mkdir(parents=True)

    cluster.start()

    assert cluster.query("SELECT 1") == "1"
    assert not (cluster.folder / "data.new").exists()


def test_the_callers_postgresql_variables_lead_no_program_elsewhere(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "/nowhere")
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")

    cluster.start()

    assert cluster.query("SHOW default_transaction_read_only") == "off"
