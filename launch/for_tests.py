"""Give each test process a PostgreSQL cluster of its own, started at its first use, gone when the tests end.

With DATABASE_URL in the environment the tests use that server instead (each parallel worker its own database in it). Each worker has
its own cluster, not only its own database, because a wrapped test holds back pg_snapshot_xmin for every database of its cluster.
"""

import os
import shutil
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from launch import places, processes
from launch.accounts import server_account
from launch.postgres import THROWAWAY, Cluster

FOLDER = "TALLYBOOK_TEST_CLUSTERS"
PREFIX = "tallybook-tests-"
DATABASE = "tallybook"


def choose_database(environment: MutableMapping[str, str]) -> None:
    """Set DATABASE_URL before Django's settings read it, unless it names a server already."""
    if FOLDER not in environment:
        if environment.get("DATABASE_URL"):
            return
        environment[FOLDER] = str(_clusters_folder())
    environment["DATABASE_URL"] = _cluster(environment).url(DATABASE)


def own_cluster() -> Cluster | None:
    """Return this process's cluster, not started yet; None where DATABASE_URL names a server."""
    return _cluster(os.environ) if FOLDER in os.environ else None


def clean_up() -> None:
    """Stop this process's cluster; in the main process all of this run's, and what killed runs left behind. Delete their data."""
    if FOLDER not in os.environ:
        return
    if "PYTEST_XDIST_WORKER" in os.environ:
        _cluster(os.environ).destroy()
        return
    folder = Path(os.environ[FOLDER])
    for one in [folder, *(f for f in folder.parent.glob(f"{PREFIX}*") if _abandoned(f))]:
        _destroy(one)


def _destroy(folder: Path) -> None:
    for cluster in folder.glob("*"):
        Cluster(cluster).destroy()
    shutil.rmtree(folder, ignore_errors=True)


def _cluster(environment: MutableMapping[str, str]) -> Cluster:
    name = environment.get("PYTEST_XDIST_WORKER", "main")
    return Cluster(Path(environment[FOLDER]) / name, settings=THROWAWAY)


def _clusters_folder() -> Path:
    """Name a folder for this run that tells whose it is: only a live process's clusters are left alone by others."""
    identity = processes.identify(os.getpid())
    assert identity is not None  # noqa: S101 -- this very process
    base = Path(tempfile.gettempdir())
    if not server_account().can("-x", base):
        base = places.OUTSIDE
    return base / f"{PREFIX}{identity.pid}-{identity.started}"


def _abandoned(folder: Path) -> bool:
    pid, _, started = folder.name.removeprefix(PREFIX).partition("-")
    owned = folder.stat().st_uid == os.geteuid()
    return owned and pid.isdigit() and not processes.Identity(int(pid), started).alive()
