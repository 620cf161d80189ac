import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.postgres import THROWAWAY, Cluster


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that an unprivileged account can reach, unlike pytest's own tmp_path when root runs the tests."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def cluster(folder: Path) -> Iterator[Cluster]:
    """Give a cluster that is not started yet."""
    cluster = Cluster(folder / "cluster", settings=THROWAWAY)
    yield cluster
    cluster.destroy()
