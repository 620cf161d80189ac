import os
import string
import subprocess
import sys

import pytest

from billing_project import environment
from billing_project.environment import SettingInvalid
from launch.places import CLONE

GIVEN = {"SECRET_KEY": "k" * 60, "DATABASE_URL": "postgresql:///tallybook"}

NAMES = "names such as billing.example.com or [::1], without a scheme, a port or a path"


def load_settings(environment: dict[str, str]) -> str:
    """Return what a fresh process with this environment says when it loads the production settings."""
    return said_by("-c", "from django.conf import settings; settings.DEBUG", environment=environment)


def said_by(*command: str, environment: dict[str, str]) -> str:
    base = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "billing_project.settings"}
    run = [sys.executable, *command]
    return subprocess.run(run, cwd=CLONE, env=base | environment, capture_output=True, text=True, check=False).stderr


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
    assert "ImproperlyConfigured: PORT is 'eighty', and must be a whole number from 1 to 65535." in load_settings(
        GIVEN | {"PORT": "eighty"}
    )


@pytest.mark.parametrize(
    ("name", "text", "must"),
    [
        ("ROLL_SECONDS", "0", "a whole number from 1 to 86400"),
        ("EVENT_MAX_AGE_DAYS", "99999999999", "a whole number from 1 to 36500"),
        ("PAGE_STATEMENT_SECONDS", "-5", "a whole number from 0 to 86400"),
        ("DATABASE_POOL_SIZE", "2", "a whole number from 3 to 1000"),
        ("PORT", "8000.5", "a whole number from 1 to 65535"),
        ("DEVELOPMENT", "maybe", "true or false"),
        ("LOG_LEVEL", "VERBOSE", "one of DEBUG, INFO, WARNING, ERROR"),
        ("ALLOWED_HOSTS", "https://x.example", NAMES),
        ("ALLOWED_HOSTS", "a.example,x.example:443", NAMES),
        ("ALLOWED_HOSTS", "::1", NAMES),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, text: str, must: str) -> None:
    with pytest.raises(SettingInvalid) as refused:
        environment.read(GIVEN | {name: text})

    assert str(refused.value).startswith(f"{name} is {text!r}, and must be {must}. ")


def test_the_password_of_a_broker_is_not_repeated() -> None:
    with pytest.raises(SettingInvalid) as refused:
        environment.read(GIVEN | {"REDIS_URL": "reddis://:hunter2@redis:6379/0"})

    begins = "an address that begins with one of redis://, rediss://, redis+socket://, sentinel://"
    assert str(refused.value).startswith(f"REDIS_URL must be {begins}. ")
    assert "hunter2" not in str(refused.value)


def test_every_default_is_one_that_could_be_set() -> None:
    for variable in environment.VARIABLES:
        if variable.default not in (environment.REQUIRED, ""):
            written = ",".join(variable.default) if isinstance(variable.default, list) else str(variable.default)
            assert variable.read(written) == variable.default, variable.name


def test_hosts_of_every_kind_are_taken() -> None:
    assert environment.hosts(".example.com, *, 10.0.0.1, [::1]") == [".example.com", "*", "10.0.0.1", "[::1]"]


def test_an_address_of_the_database_that_cannot_be_read_is_not_written_down() -> None:
    said = load_settings(GIVEN | {"DATABASE_URL": "postgre://tallybook:hunter2@db/tallybook"})

    assert "ImproperlyConfigured: DATABASE_URL cannot be read. Write it as postgres://" in said
    assert "hunter2" not in said


def test_djangos_own_checks_of_a_deployment_have_nothing_to_say() -> None:
    command = ["manage.py", "check", "--deploy", "--tag", "security", "--fail-level", "WARNING"]

    assert said_by(*command, environment=GIVEN | {"SECRET_KEY": string.ascii_letters}) == ""
