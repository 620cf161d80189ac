"""Every page has a strict content security policy, and nothing in our templates that it would block."""

from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from access.models import User
from tests import rows
from tests.test_permissions import walk

STRICT = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
BACK_OFFICE = (STRICT - {"script-src 'self'"}) | {"script-src 'self' 'unsafe-eval'"}


class Inline(HTMLParser):
    """Collect what a strict policy blocks: script and style bodies, style attributes, event handlers, javascript: links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = dict(attributes)
        if tag == "style" or (tag == "script" and "src" not in names and names.get("type") != "application/json"):
            self._inside = tag
        self.found += [f"<{tag} {name}>" for name in names if name == "style" or name.startswith("on")]
        self.found += [f"<{tag} {name}={text}>" for name, text in attributes if (text or "").lower().startswith("javascript:")]

    def handle_data(self, text: str) -> None:
        if self._inside and text.strip():
            self.found.append(f"<{self._inside}> {text.strip()[:60]}")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


def inline_of(page: str) -> list[str]:
    parser = Inline()
    parser.feed(page)
    return parser.found


def policy_of(response: Any) -> set[str]:
    return {part.strip() for part in response.headers["Content-Security-Policy"].split(";")}


@pytest.fixture
def owner(db: None) -> Client:
    user = User.objects.create_user("the-owner")
    user.groups.add(Group.objects.get(name="owner"))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def test_the_test_sees_what_a_policy_would_block() -> None:
    page = """<script src="/a.js"></script><script>alert(1)</script><p style="top:0" onclick="x()"><a href="javascript:y()">
        <style>p {}</style><script type="application/json">{}</script>"""

    assert inline_of(page) == [
        "<script> alert(1)",
        "<p style>",
        "<p onclick>",
        "<a href=javascript:y()>",
        "<style> p {}",
    ]


def test_every_page_is_strict_and_holds_nothing_inline(owner: Client) -> None:
    for _ in range(2):
        rows.of_every_table()
    pages = {name: path for name, path in walk().items() if not name.startswith("admin:")}
    assert pages

    for name, path in pages.items():
        for client in (owner, Client(raise_request_exception=False)):
            if "logout" in name:
                continue
            response = client.get(path)
            assert policy_of(response) == STRICT, name
            if response.get("Content-Type", "").startswith("text/html") and not response.streaming:
                assert inline_of(response.content.decode()) == [], name


def test_the_page_of_a_refusal_is_strict_too(owner: Client) -> None:
    for path in ("/admin/events/event/add/", "/no/such/page", "/admin/no/such/page"):
        response = owner.get(path)

        assert response.status_code in {403, 404}
        assert policy_of(response) == STRICT
        assert inline_of(response.content.decode()) == []


def test_the_back_office_may_evaluate_and_nothing_else_more(owner: Client) -> None:
    response = owner.get("/admin/")

    assert policy_of(response) == BACK_OFFICE
    assert inline_of(response.content.decode()) == []
