"""Every line of the log is one JSON object, a request has one line that says who asked, and no line holds a secret."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from access import keys
from access.actors import BEAT
from access.models import User
from billing_project.logs import formatter

PASSWORD = "correct horse 12"


class Log:
    """What was written since the test began."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    found = Log()
    handler = logging.StreamHandler(found.stream)
    handler.setFormatter(formatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def owner(db: None) -> User:
    user = User.objects.create_user("the-owner", password=PASSWORD)
    user.groups.add(Group.objects.get(name="owner"))
    return user


def finished(log: Log) -> list[tuple[Any, ...]]:
    return [(line["request"], line["code"], line["user_id"]) for line in log.lines if line["event"] == "request_finished"]


def test_a_request_has_a_line_that_says_who_asked(log: Log, owner: User, client: Client) -> None:
    client.force_login(owner)

    client.get("/admin/")

    assert finished(log) == [("GET /admin/", 200, owner.public_id)]


@pytest.mark.django_db
def test_a_request_by_key_names_the_key(log: Log, client: Client) -> None:
    key, secret = keys.create(name="Server", scope="read", actor=BEAT, now=timezone.now())

    client.get("/api/v1/customers", headers={"Authorization": f"Bearer {secret}"})

    assert finished(log) == [("GET /api/v1/customers", 200, key.public_id)]
    assert secret not in log.text


def test_lines_of_one_request_share_its_id(log: Log, owner: User, client: Client) -> None:
    client.force_login(owner)

    client.get("/admin/")

    requests = [line for line in log.lines if line["event"].startswith("request_")]
    assert len({line["request_id"] for line in requests}) == 1


def test_no_secret_is_ever_written(log: Log, owner: User, client: Client) -> None:
    _key, secret = keys.create(name="Server", scope="write", actor=BEAT, now=timezone.now())

    client.post("/login", {"username": "the-owner", "password": PASSWORD})
    client.post("/login", {"username": "the-owner", "password": "wrong horse 99"})
    session = client.session.session_key
    client.post("/password", {"old_password": PASSWORD, "new_password1": "new horse 5678", "new_password2": "new horse 5678"})
    client.get(f"/no/such/page?api_key={secret}&token=abcdef123456")
    client.post(
        "/api/v1/customers", {"name": "x"}, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
    )
    client.get("/api/v1/customers", headers={"Authorization": "Bearer tb_thisisnotoneofourkeysatall"})

    assert log.lines
    for hidden in (secret, PASSWORD, "wrong horse 99", "new horse 5678", "abcdef123456", "tb_thisisnot", session):
        assert hidden not in log.text


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ({"password": "p"}, "[hidden]"),
        ({"Authorization": "Bearer x"}, "[hidden]"),
        ({"headers": {"Cookie": "sessionid=1"}}, {"Cookie": "[hidden]"}),
        ({"url": "postgres://ada:lovelace@db/x"}, "postgres://[hidden]@db/x"),
        ({"sent": ["Bearer abc.def"]}, ["Bearer [hidden]"]),
        ({"text": "key tb_0123456789abcdefXYZ used"}, "key [hidden] used"),
        ({"text": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "[hidden]"),
        ({"text": "cus_0123456789abcdefghijklmn"}, "cus_0123456789abcdefghijklmn"),
    ],
)
def test_what_has_a_secrets_name_or_shape_is_hidden(log: Log, given: dict[str, Any], written: Any) -> None:
    structlog.get_logger("test").warning("something", **given)

    (line,) = log.lines
    assert line[next(iter(given))] == written


def test_a_library_that_formats_by_itself_is_cleaned_too(log: Log) -> None:
    logging.getLogger("some.library").warning("sent %s", "Bearer abc.def.ghi", extra={"token": "t"})

    (line,) = log.lines
    assert (line["event"], line["level"], line["logger"], line["token"]) == (
        "sent Bearer [hidden]",
        "warning",
        "some.library",
        "[hidden]",
    )


def test_an_error_comes_with_its_traceback_and_without_local_variables(log: Log) -> None:
    def break_off() -> None:
        local = "-".join(["a", "secret", "nobody", "named"])  # noqa: F841
        raise ZeroDivisionError("broke")

    try:
        break_off()
    except ZeroDivisionError:
        logging.getLogger("test").exception("it broke")

    (line,) = log.lines
    assert "ZeroDivisionError: broke" in line["exception"]
    assert 'a secret nobody named"' not in line["exception"].replace('local = "a secret nobody named"', "")


@pytest.mark.django_db
def test_the_address_in_a_line_is_not_one_that_the_sender_made_up(log: Log) -> None:
    Client().get("/login", REMOTE_ADDR="192.0.2.7", headers={"X-Forwarded-For": "8.8.8.8", "X-Real-IP": "8.8.4.4"})

    (line,) = (line for line in log.lines if line["event"] == "request_finished")
    assert line["ip"] == "192.0.2.7"
