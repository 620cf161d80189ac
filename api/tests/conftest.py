"""Keys, callers and the published client for the tests of the API."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from dodopayments import DodoPayments

from access import keys
from access.actors import COMMAND
from tests import live

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Reply:
    """A status and the decoded body, None where there was none."""

    status: int
    body: Any
    headers: Any
    raw: bytes


@pytest.fixture
def secrets(db: None) -> dict[str, str]:
    """One key of each scope."""
    return {scope: keys.create(name=scope, scope=scope, actor=COMMAND, now=NOW)[1] for scope in ("ingest", "read", "write")}


@pytest.fixture
def call(secrets: dict[str, str]) -> Callable[..., Reply]:
    """Call the API in this process as one scope (None: without a key)."""
    client = Client(raise_request_exception=False)

    def send(
        method: str, path: str, content: Any = None, *, scope: str | None = "write", raw: bytes | None = None, **extra: str
    ) -> Reply:
        if scope:
            extra["HTTP_AUTHORIZATION"] = f"Bearer {secrets.get(scope, scope)}"
        sent = raw if raw is not None else b"" if content is None else json.dumps(content).encode()
        address = f"/api/v1{path}"
        response = client.generic(method, address, sent, content_type="application/json", REQUEST_URI=address, **extra)
        is_json = response.get("Content-Type", "").startswith("application/json")
        content = response.getvalue()
        return Reply(response.status_code, json.loads(content) if is_json and content else None, response.headers, content)

    return send


@pytest.fixture(scope="session")
def until_the_end() -> Iterator[ExitStack]:
    """What the tests of this process share, closed after the last of them."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def live_address(until_the_end: ExitStack, transactional_db: None, base_rows: None) -> str:
    """The address of one server for all tests; it looks at the database as it starts, so a test must have let it in."""
    return until_the_end.enter_context(live.server())


@pytest.fixture
def dodo(transactional_db: None, live_address: str) -> Iterator[DodoPayments]:
    """The published client with a write key, checking every answer against its types."""
    _key, secret = keys.create(name="client", scope="write", actor=COMMAND, now=NOW)
    with DodoPayments(
        bearer_token=secret, base_url=f"{live_address}/api/v1", max_retries=0, _strict_response_validation=True
    ) as client:
        yield client
