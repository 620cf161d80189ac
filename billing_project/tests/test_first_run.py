import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import RequestFactory

from access import keys
from access.models import ApiKey, User
from billing_project import first_run

NOW = datetime(2026, 11, 1, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def run(tmp_path: Path, url: str = "http://127.0.0.1:8000") -> dict[str, str]:
    file = tmp_path / "var" / "demo-credentials.json"
    first_run.create_operator(credentials=file, url=url, now=NOW)
    known: dict[str, str] = json.loads(file.read_text())
    return known


def test_it_writes_a_login_and_a_key_that_work_and_only_the_owner_reads(tmp_path: Path) -> None:
    known = run(tmp_path)

    person = authenticate(RequestFactory().post("/login"), username=known["username"], password=known["password"])
    key = keys.authenticate(known["api_key"], now=NOW)
    assert isinstance(person, User)
    assert [group.name for group in person.groups.all()] == ["owner"]
    assert key is not None
    assert key.scope == "write"
    assert sorted(known) == ["api_key", "password", "url", "username"]
    assert (tmp_path / "var" / "demo-credentials.json").stat().st_mode & 0o777 == 0o600


def test_the_second_run_changes_nothing_but_the_address(tmp_path: Path) -> None:
    first = run(tmp_path)

    second = run(tmp_path, url="http://127.0.0.1:8001")

    assert second == first | {"url": "http://127.0.0.1:8001"}
    assert (User.objects.count(), ApiKey.objects.count()) == (1, 1)


def test_a_database_with_people_of_its_own_gets_no_operator(tmp_path: Path) -> None:
    User.objects.create_user("somebody", password="somebody's own secret")

    made = first_run.create_operator(credentials=tmp_path / "file.json", url="http://127.0.0.1:8000", now=NOW)

    assert not made
    assert not (tmp_path / "file.json").exists()
    assert User.objects.count() == 1


def test_credentials_of_another_database_are_left_alone(tmp_path: Path) -> None:
    User.objects.create_user("somebody", password="somebody's own secret")
    file = tmp_path / "file.json"
    file.write_text(json.dumps({"url": "http://127.0.0.1:8000", "api_key": "tb_of_another_database"}))

    first_run.create_operator(credentials=file, url="http://127.0.0.1:8001", now=NOW)

    assert json.loads(file.read_text())["url"] == "http://127.0.0.1:8000"


def test_the_fingerprint_of_static_files_changes_with_any_of_them(tmp_path: Path, settings: pytest.FixtureRequest) -> None:
    settings.STATICFILES_DIRS = [tmp_path]
    finders.get_finder.cache_clear()
    before = first_run.static_files_fingerprint()

    (tmp_path / "new.css").write_text("a {}")

    assert first_run.static_files_fingerprint() != before
    finders.get_finder.cache_clear()


def test_a_database_that_cannot_be_reached_is_said_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in {"HOST": "127.0.0.1", "PORT": "1", "PASSWORD": "hunter2"}.items():
        monkeypatch.setitem(connection.settings_dict, name, text)

    with pytest.raises(CommandError, match=r"The database of DATABASE_URL cannot be reached: .*refused") as refused:
        call_command("first_run")

    assert "hunter2" not in str(refused.value)
