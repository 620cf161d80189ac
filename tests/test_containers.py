"""The containers run what `make run` runs, with variables that the code knows, and carry no secret."""

import importlib
import os
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from django.urls import resolve

from billing_project.environment import REQUIRED, VARIABLES
from launch import programs
from launch.places import CLONE

COMPOSE: dict[str, Any] = yaml.safe_load((CLONE / "compose.yaml").read_text())
DOCKERFILE = (CLONE / "Dockerfile").read_text()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
IN_MAKE_RUN = {
    name: ["python" if word == sys.executable else word for word in command]
    for name, command in programs.commands(host="0.0.0.0", port=8000).items()  # noqa: S104
}


def image_command() -> list[str]:
    (written,) = re.findall(r"^CMD \[(.*?)\]$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    return re.findall(r'"([^"]*)"', written)


def test_there_is_a_service_for_each_process_and_each_server() -> None:
    assert set(OURS) == {"migrate", *IN_MAKE_RUN}
    assert set(SERVICES) == {*OURS, "postgres", "redis"}


def test_the_image_serves_the_web_as_make_run_does() -> None:
    assert image_command() == IN_MAKE_RUN["web"]
    assert "command" not in SERVICES["web"]


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_background_processes_run_as_in_make_run(name: str) -> None:
    command = SERVICES[name]["command"]

    assert command[: len(IN_MAKE_RUN[name])] == IN_MAKE_RUN[name]
    assert command[len(IN_MAKE_RUN[name]) :] == (["--schedule", "/tmp/beat-schedule"] if name == "beat" else [])  # noqa: S108


def test_every_module_and_management_command_that_is_named_exists() -> None:
    named = [image_command(), *(service["command"] for service in OURS.values() if "command" in service)]
    named += [shlex.split(line) for line in re.findall(r"python (manage\.py .*)$", DOCKERFILE, re.MULTILINE)]
    for command in named:
        words = [word for word in command if word != "python"]
        if words[0] == "manage.py":
            assert words[1] in get_commands()
        else:
            assert words[0] == "-m"
            importlib.import_module(words[1])


def test_the_application_that_the_image_serves_exists() -> None:
    module, _, attribute = image_command()[3].partition(":")

    assert hasattr(importlib.import_module(module), attribute)


@pytest.mark.parametrize("name", OURS)
def test_each_service_gets_variables_that_the_code_reads_and_all_that_it_requires(name: str) -> None:
    given = set(OURS[name]["environment"])

    assert given <= {variable.name for variable in VARIABLES}
    assert given >= {variable.name for variable in VARIABLES if variable.default is REQUIRED}


def test_defaults_in_compose_are_those_of_the_code() -> None:
    defaults = {variable.name: variable.default for variable in VARIABLES}
    for name, text in SERVICES["web"]["environment"].items():
        for variable, default in re.findall(r"\$\{(\w+):-([^}]*)\}", text):
            assert variable == name
            assert written(defaults[name]) == default


def written(default: Any) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_what_the_operator_sets_stands_in_the_deployment_page() -> None:
    asked = set(re.findall(r"\$\{(\w+)", (CLONE / "compose.yaml").read_text()))
    page = (CLONE / "docs/deployment.md").read_text()

    table = page.partition("| variable | meaning |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([A-Z_]+)`", table)) - {"DATABASE_URL"} == asked


def test_no_secret_is_written_down() -> None:
    assert not re.findall(r"^(?:ENV|ARG) .*(?:SECRET|PASSWORD|KEY|TOKEN)", DOCKERFILE, re.MULTILINE)
    for service in SERVICES.values():
        for variable, text in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD|DATABASE_URL", variable):
                assert re.search(r"\$\{\w+:\?", text), variable


def test_the_processes_are_not_root() -> None:
    lines = DOCKERFILE.splitlines()
    user = next(number for number, line in enumerate(lines) if line.startswith("USER "))

    assert lines[user] != "USER root"
    assert user < next(number for number, line in enumerate(lines) if line.startswith("CMD "))


def test_the_health_check_asks_an_address_that_is_served() -> None:
    (path,) = re.findall(r"http://127\.0\.0\.1:8000(/\w+)", SERVICES["web"]["healthcheck"]["test"][-1])

    assert resolve(path).url_name == "healthz"
    assert "127.0.0.1" in SERVICES["web"]["environment"]["ALLOWED_HOSTS"]


def test_everything_that_stays_up_has_a_health_check_and_waits_for_the_migrations() -> None:
    for name, service in SERVICES.items():
        if name != "migrate":
            assert "healthcheck" in service, name
    for name in IN_MAKE_RUN:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_what_the_image_leaves_out_is_in_the_requirements() -> None:
    (left_out,) = re.findall(r"grep -vE '\^\((.*?)\)=='", DOCKERFILE)
    pinned = {line.partition("==")[0] for line in (CLONE / "requirements.txt").read_text().splitlines()}

    assert set(left_out.split("|")) <= pinned


def test_the_image_can_collect_its_static_files_without_a_real_secret_or_database() -> None:
    (line,) = re.findall(r"^RUN (SECRET_KEY=\S+ DATABASE_URL=\S+) python (manage\.py .*)$", DOCKERFILE, re.MULTILINE)
    given = dict(pair.split("=", 1) for pair in line[0].split())
    image = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "billing_project.settings"}

    command = [sys.executable, *shlex.split(line[1]), "--dry-run"]
    ended = subprocess.run(command, cwd=CLONE, env=image | given, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert "static files copied" in ended.stdout or "static file" in ended.stdout
