"""The documents say what is so: every setting, target and command they name exists, and the other way round."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.urls import Resolver404, resolve

from billing_project import environment
from tests.architecture.guards import PACKAGES, ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *(ROOT / package / "README.md" for package in PACKAGES)]
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in DOCUMENTS if path.exists()}
TARGETS = set(re.findall(r"^([a-z]+(?: [a-z]+)*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def settings_table() -> str:
    """Write the table of docs/settings.md from the code."""
    rows = [f"| `{v.name}` | {shown_default(v.default)} | {v.meaning} |" for v in environment.VARIABLES]
    return "\n".join(rows) + "\n"


def shown_default(default: object) -> str:
    if default is environment.REQUIRED:
        return "required"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list):
        return f"`{','.join(default)}`" if default else "none"
    return f"`{default}`" if default != "" else "none"


def targets_named(text: str) -> set[str]:
    return set(re.findall(r"\bmake ([a-z]+)\b(?=[^a-z]|$)", "\n".join(code(text))))


def commands_named(text: str) -> set[str]:
    in_code = "\n".join(code(text))
    return set(re.findall(r"manage\.py ([a-z_]+)", in_code)) | set(re.findall(r"make manage CMD=[\"']([a-z_]+)", in_code))


def code(text: str) -> Iterator[str]:
    """Give what stands between backticks, and indented or fenced blocks."""
    yield from re.findall(r"```.*?```", text, re.DOTALL)
    yield from re.findall(r"`[^`\n]+`", text)
    yield from re.findall(r"^ {4}.+$", text, re.MULTILINE)


def own_commands() -> set[str]:
    return {name for name, app in get_commands().items() if app.partition(".")[0] in PACKAGES}


def test_the_settings_page_lists_every_variable_as_the_code_reads_it() -> None:
    assert TEXTS["docs/settings.md"].endswith("|---|---|---|\n" + settings_table())


@pytest.mark.parametrize("document", TEXTS)
def test_every_make_target_and_command_that_a_document_names_exists(document: str) -> None:
    targets = {target for line in TARGETS for target in line.split()}

    assert targets_named(TEXTS[document]) - targets == set()
    assert commands_named(TEXTS[document]) - set(get_commands()) == set()


def test_every_command_of_ours_stands_in_a_document() -> None:
    named = {name for text in TEXTS.values() for name in commands_named(text)}

    assert own_commands() - named == set()


def test_every_make_target_is_shown_by_make_help() -> None:
    shown = re.findall(r"@echo 'make ([a-z]+)", (ROOT / "Makefile").read_text())

    assert set(shown) == {target for line in TARGETS for target in line.split()} - {"help", "python"}


def test_the_guards_see_a_target_and_a_command_that_do_not_exist() -> None:
    text = (
        'Call `make coffee`, then `manage.py brew` or\n\n    make manage CMD="pour --slowly"\n\nand make sure that it is hot.\n'
    )

    assert targets_named(text) == {"coffee", "manage"}
    assert commands_named(text) == {"brew", "pour"}


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{document}: {link}"
        for document, text in TEXTS.items()
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
        if not (Path(ROOT / document).parent / link).exists()
    ]

    assert broken == []


SEGMENTS = {
    "{line_id}": "lin_1",
    "{customer_id}": "cus_1",
    "{id}": "x_1",
    "{event_id}": "evt_1",
    "{meter_id}": "mtr_1",
    "{job_id}": "job_1",
}


def addresses_named(text: str) -> set[str]:
    found = set(re.findall(r"(/api/v1/[\w/{}.-]*[\w}]|/healthz|/metrics)(?!\w)", "\n".join(code(text))))
    for segment, example in SEGMENTS.items():
        found = {address.replace(segment, example) for address in found}
    return found


def is_served(address: str) -> bool:
    try:
        view = resolve(address).func
    except Resolver404:
        return False
    return getattr(view, "view_class", getattr(view, "cls", view)).__name__ != "Unknown"


@pytest.mark.parametrize("document", TEXTS)
def test_every_address_that_a_document_names_is_served(document: str) -> None:
    assert {address for address in addresses_named(TEXTS[document]) if not is_served(address)} == set()


def options_named(text: str) -> Iterator[tuple[str, str]]:
    """Give (management command, option) for each option that is shown with a command."""
    for line in "\n".join(code(text)).splitlines():
        for name, rest in re.findall(r"(?:manage\.py |make manage CMD=[\"'])([a-z_]+)([^\"'`|]*)", line):
            yield from ((name, option) for option in re.findall(r"--[a-z][a-z-]*", rest))


@pytest.mark.parametrize("document", TEXTS)
def test_every_option_of_a_command_that_a_document_shows_exists(document: str) -> None:
    for name, option in options_named(TEXTS[document]):
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        assert option in parser._option_string_actions, (name, option)


@pytest.mark.parametrize("document", TEXTS)
def test_every_file_that_a_document_names_exists(document: str) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|md|sql|json|toml|yaml))`", TEXTS[document])
    beside = (ROOT / document).parent

    assert [name for name in named if not name.startswith("var/") and not any((p / name).exists() for p in (ROOT, beside))] == []


def test_every_decision_is_listed() -> None:
    listed = set(re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", TEXTS["docs/decisions/README.md"]))

    assert listed == {Path(name).name for name in TEXTS if re.match(r"docs/decisions/\d{4}-", name)}


def test_the_guards_see_an_address_and_an_option_that_do_not_exist() -> None:
    text = "`GET /api/v1/coffee/{id}`, `/healthz` and\n\n    manage.py migrate --no-input --slowly\n"

    assert {address: is_served(address) for address in addresses_named(text)} == {"/api/v1/coffee/x_1": False, "/healthz": True}
    assert list(options_named(text)) == [("migrate", "--no-input"), ("migrate", "--slowly")]
