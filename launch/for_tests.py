"""Give each test process a PostgreSQL cluster of its own, started at its first use, gone when the tests end.

With DATABASE_URL in the environment the tests use that server instead (each parallel worker its own database in it). Each worker has
its own cluster, not only its own database, because a wrapped test holds back pg_snapshot_xmin for every database of its cluster.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from launch import places, processes
from launch.accounts import server_account
from launch.locks import exclusive
from launch.places import CLONE
from launch.postgres import THROWAWAY, Cluster

FOLDER = "TALLYBOOK_TEST_CLUSTERS"
PREFIX = "tallybook-tests-"
DATABASE = "tallybook"
TEMPLATE_DATABASE = "test_tallybook"


MEMORY = Path("/dev/shm")  # noqa: S108 -- only folders that are ours, named for this process
MEMORY_BYTES = 4 * 1024**3
"""With less free memory than this the clusters are kept on disk."""


def choose_database(environment: MutableMapping[str, str]) -> None:
    """Set DATABASE_URL before Django's settings read it, unless it names a server already."""
    if FOLDER not in environment:
        if environment.get("DATABASE_URL"):
            return
        environment[FOLDER] = str(clusters_folder())
    environment["DATABASE_URL"] = _cluster(environment).url(DATABASE)


def own_cluster() -> Cluster | None:
    """Return this process's cluster, not started yet; None where DATABASE_URL names a server."""
    return _cluster(os.environ) if FOLDER in os.environ else None


def start(cluster: Cluster, *, database: str) -> None:
    """Start a cluster that holds the migrated test database under this name.

    Migrating takes seconds, so it is done once for each state of the migrations; every cluster begins as a copy of that one's files.
    """
    templates = CLONE / "var" / "test-templates"
    templates.mkdir(parents=True, exist_ok=True)
    template = templates / migrations_fingerprint()
    cluster.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with exclusive(templates / "lock"):
        if not template.exists():
            _make_template(template, cluster.folder.parent / "template")
        _copy(template, cluster.data)
    cluster.start()
    if database != TEMPLATE_DATABASE:
        cluster.query(f'ALTER DATABASE "{TEMPLATE_DATABASE}" RENAME TO "{database}"')


def _make_template(template: Path, folder: Path) -> None:
    building = Cluster(folder, settings=THROWAWAY)
    building.start()
    building.create_database(TEMPLATE_DATABASE)
    environment = {name: text for name, text in os.environ.items() if name != FOLDER}
    environment |= {"DATABASE_URL": building.url(TEMPLATE_DATABASE), "DJANGO_SETTINGS_MODULE": "billing_project.test_settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=CLONE, env=environment, check=True)
    building.stop()
    for outdated in template.parent.glob("migrated-*"):
        shutil.rmtree(outdated)
    copy = template.with_name("copying")
    shutil.rmtree(copy, ignore_errors=True)
    _copy(building.data, copy)
    copy.rename(template)
    building.destroy()


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", source, target], check=True)  # shutil would lose the owner


def migrations_fingerprint() -> str:
    """Return a name for the state that the migrations lead to."""
    digest = hashlib.sha256(os.environ.get("BILLING_TIME_ZONE", "").encode())
    for file in [CLONE / "requirements.txt", *sorted(CLONE.glob("*/migrations/*.py"))]:
        digest.update(f"{file.relative_to(CLONE)}\0".encode() + file.read_bytes())
    return f"migrated-{digest.hexdigest()[:16]}"


def clean_up() -> None:
    """Stop this process's cluster; in the main process all of this run's, and what killed runs left behind. Delete their data."""
    if FOLDER not in os.environ:
        return
    if "PYTEST_XDIST_WORKER" in os.environ:
        _cluster(os.environ).destroy()
        return
    folder = Path(os.environ[FOLDER])
    for one in [folder, *(f for f in folder.parent.glob(f"{PREFIX}*") if abandoned(f))]:
        _destroy(one)


def _destroy(folder: Path) -> None:
    for cluster in folder.glob("*"):
        Cluster(cluster).destroy()
    shutil.rmtree(folder, ignore_errors=True)


def _cluster(environment: MutableMapping[str, str]) -> Cluster:
    name = environment.get("PYTEST_XDIST_WORKER", "main")
    return Cluster(Path(environment[FOLDER]) / name, settings=THROWAWAY)


def clusters_folder() -> Path:
    """Name a folder for this run that tells whose it is: only a live process's clusters are left alone by others."""
    identity = processes.identify(os.getpid())
    assert identity is not None  # noqa: S101 -- this very process
    base = next(folder for folder in (MEMORY, Path(tempfile.gettempdir()), places.OUTSIDE) if _fits(folder))
    return base / f"{PREFIX}{identity.pid}-{identity.started}"


def _fits(folder: Path) -> bool:
    if folder == MEMORY and not (folder.is_dir() and shutil.disk_usage(folder).free > MEMORY_BYTES):
        return False
    return folder == places.OUTSIDE or server_account().can("-x", folder)


def abandoned(folder: Path) -> bool:
    """Tell whether a folder of clusters is ours, and of a run that is no more."""
    pid, _, started = folder.name.removeprefix(PREFIX).partition("-")
    owned = folder.stat().st_uid == os.geteuid()
    return owned and pid.isdigit() and not processes.Identity(int(pid), started).alive()
