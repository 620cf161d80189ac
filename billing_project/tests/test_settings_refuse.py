import os
import subprocess
import sys

import pytest

from launch.places import CLONE

GIVEN = {"SECRET_KEY": "k" * 60, "DATABASE_URL": "postgresql:///tallybook"}


def load_settings(environment: dict[str, str]) -> str:
    """Return what a fresh process with this environment says when it loads the production settings."""
    command = [sys.executable, "-c", "from django.conf import settings; settings.DEBUG"]
    base = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "billing_project.settings"}
    return subprocess.run(command, cwd=CLONE, env=base | environment, capture_output=True, text=True, check=False).stderr


def test_production_settings_load_with_what_they_require() -> None:
    assert load_settings(GIVEN) == ""


@pytest.mark.parametrize("missing", ["SECRET_KEY", "DATABASE_URL"])
def test_production_settings_refuse_to_start_and_name_what_is_missing(missing: str) -> None:
    said = load_settings({name: text for name, text in GIVEN.items() if name != missing})

    assert f"Set these environment variables (docs/settings.md lists all):\n  {missing}: " in said


def test_production_settings_name_everything_that_is_missing_at_once() -> None:
    said = load_settings({})

    assert "  SECRET_KEY: " in said
    assert "  DATABASE_URL: " in said


def test_a_variable_that_cannot_be_read_is_named() -> None:
    assert "PORT cannot be read from 'eighty'" in load_settings(GIVEN | {"PORT": "eighty"})
