"""Who may call what: every endpoint with no key, a wrong one, and one of each scope."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from access import keys
from access.models import ApiKey

READS = ("GET",)
ENDPOINTS = [
    ("GET", "/customers", "read"),
    ("POST", "/customers", "write"),
    ("GET", "/customers/cus_x", "read"),
    ("PATCH", "/customers/cus_x", "write"),
]
ADMITTED = {"read": {"read", "write"}, "write": {"write"}, "ingest": {"ingest", "write"}}


@pytest.mark.parametrize(("method", "address", "needed"), ENDPOINTS)
def test_admits_the_scopes_that_cover_it(call: Callable[..., Any], method: str, address: str, needed: str) -> None:
    for scope in ("ingest", "read", "write"):
        reply = call(method, address, scope=scope)

        if scope in ADMITTED[needed]:
            assert reply.status not in {401, 403}
        else:
            assert reply.status == 403
            assert reply.body == {
                "code": "SCOPE_MISSING",
                "message": f"This needs an API key of scope {needed}; yours has scope {scope}.",
            }


@pytest.mark.parametrize(("method", "address", "needed"), ENDPOINTS)
def test_refuses_without_a_valid_key(call: Callable[..., Any], method: str, address: str, needed: str) -> None:
    for scope in (None, "tb_wrong", "kéy"):
        reply = call(method, address, scope=scope)

        assert reply.status == 401
        assert reply.body == {"code": "UNAUTHORIZED", "message": "Send a valid API key as `Authorization: Bearer KEY`."}
        assert reply.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic {secret}", "{secret}", "Token {secret}", "Bearer {secret} {secret}"]
)
def test_reads_only_bearer_keys(call: Callable[..., Any], secrets: dict[str, str], header: str) -> None:
    reply = call("GET", "/customers", scope=None, HTTP_AUTHORIZATION=header.format(secret=secrets["write"]))

    assert reply.status == 401


def test_the_scheme_is_case_insensitive(call: Callable[..., Any], secrets: dict[str, str]) -> None:
    assert call("GET", "/customers", scope=None, HTTP_AUTHORIZATION=f"bearer {secrets['read']}").status == 200


def test_a_revoked_key_is_refused(call: Callable[..., Any], secrets: dict[str, str]) -> None:
    keys.revoke(key=ApiKey.objects.get(name="read"), now=datetime(2026, 11, 2, tzinfo=UTC))

    assert call("GET", "/customers", scope="read").status == 401
