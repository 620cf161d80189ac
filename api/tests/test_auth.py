"""Who may call what: every endpoint with no key, a wrong one, and one of each scope."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from access import keys
from access.models import ApiKey
from api.v1.urls import urlpatterns

ENDPOINTS = [
    ("GET", "/customers", "read"),
    ("POST", "/customers", "write"),
    ("GET", "/customers/{customer_id}", "read"),
    ("PATCH", "/customers/{customer_id}", "write"),
    ("GET", "/customers/{customer_id}/credit-grants", "read"),
    ("POST", "/customers/{customer_id}/credit-grants", "write"),
    ("GET", "/customers/{customer_id}/credit-entitlements", "read"),
    ("GET", "/credit-entitlements", "read"),
    ("GET", "/credit-entitlements/{id}", "read"),
    ("GET", "/credit-entitlements/{id}/balances", "read"),
    ("GET", "/credit-entitlements/{id}/balances/{customer_id}", "read"),
    ("GET", "/credit-entitlements/{id}/balances/{customer_id}/grants", "read"),
    ("GET", "/credit-entitlements/{id}/balances/{customer_id}/ledger", "read"),
    ("POST", "/credit-entitlements/{id}/balances/{customer_id}/ledger-entries", "write"),
    ("GET", "/customers/{customer_id}/wallets", "read"),
    ("GET", "/customers/{customer_id}/wallets/ledger-entries", "read"),
    ("POST", "/customers/{customer_id}/wallets/ledger-entries", "write"),
    ("GET", "/credit-grants/{id}", "read"),
    ("PATCH", "/credit-grants/{id}", "write"),
    ("POST", "/credit-grants/{id}/top-up", "write"),
    ("POST", "/credit-grants/{id}/void", "write"),
    ("GET", "/event-delivery", "read"),
    ("POST", "/event-voids", "write"),
    ("GET", "/event-voids/{job_id}", "read"),
    ("DELETE", "/event-voids/{job_id}", "write"),
    ("POST", "/event-voids/{job_id}/cancel", "write"),
    ("GET", "/events", "read"),
    ("POST", "/events/ingest", "ingest"),
    ("GET", "/events/ingest", "read"),  # the event with that id
    ("GET", "/events/{event_id}", "read"),
    ("GET", "/events/{event_id}/explain", "read"),
    ("POST", "/events/{event_id}/void", "write"),
    ("DELETE", "/events/{event_id}/void", "write"),
    ("GET", "/invoices", "read"),
    ("GET", "/invoices/export", "read"),
    ("POST", "/invoices/exports", "write"),
    ("GET", "/invoices/exports/{job_id}", "read"),
    ("POST", "/invoices/exports/{job_id}/cancel", "write"),
    ("GET", "/invoices/exports/{job_id}/file", "read"),
    ("GET", "/invoices/{id}", "read"),
    ("PATCH", "/invoices/{id}", "write"),
    ("POST", "/invoices/{id}/issue", "write"),
    ("POST", "/invoices/{id}/pay", "write"),
    ("GET", "/invoices/{id}/pdf", "read"),
    ("GET", "/invoices/payments/{id}", "read"),
    ("DELETE", "/invoices/{id}/pay", "write"),
    ("GET", "/invoices/{id}/lines/{line_id}/events", "read"),
    ("GET", "/invoices/{id}/verify", "read"),
    ("GET", "/invoices/{id}/remarks", "read"),
    ("POST", "/invoices/{id}/void", "write"),
    ("POST", "/invoices/{id}/void/preview", "write"),
    ("GET", "/meters", "read"),
    ("POST", "/meters", "write"),
    ("GET", "/meters/{id}", "read"),
    ("PATCH", "/meters/{id}", "write"),
    ("DELETE", "/meters/{id}", "write"),
    ("POST", "/meters/{id}/unarchive", "write"),
    ("GET", "/meters/{id}/explain", "read"),
    ("GET", "/meters/{id}/usage", "read"),
    ("GET", "/products", "read"),
    ("POST", "/products", "write"),
    ("GET", "/products/{id}", "read"),
    ("PATCH", "/products/{id}", "write"),
    ("DELETE", "/products/{id}", "write"),
    ("POST", "/products/{id}/unarchive", "write"),
    ("POST", "/products/{id}/simulate", "write"),
    ("GET", "/products/{id}/simulations/{job_id}", "read"),
    ("GET", "/subscriptions", "read"),
    ("POST", "/subscriptions", "write"),
    ("GET", "/subscriptions/{subscription_id}", "read"),
    ("PATCH", "/subscriptions/{subscription_id}", "write"),
    ("POST", "/subscriptions/{subscription_id}/change-plan", "write"),
    ("POST", "/subscriptions/{subscription_id}/change-plan/preview", "read"),
    ("DELETE", "/subscriptions/{subscription_id}/change-plan/scheduled", "write"),
    ("GET", "/subscriptions/{subscription_id}/credit-usage", "read"),
    ("GET", "/subscriptions/{subscription_id}/usage-history", "read"),
    ("GET", "/webhooks", "read"),
    ("POST", "/webhooks", "write"),
    ("GET", "/webhooks/{webhook_id}", "read"),
    ("PATCH", "/webhooks/{webhook_id}", "write"),
    ("DELETE", "/webhooks/{webhook_id}", "write"),
    ("GET", "/webhooks/{webhook_id}/secret", "write"),
    ("GET", "/webhooks/{webhook_id}/headers", "write"),
    ("PATCH", "/webhooks/{webhook_id}/headers", "write"),
    ("POST", "/webhooks/{webhook_id}/test", "write"),
    ("GET", "/webhooks/{webhook_id}/deliveries", "read"),
    ("POST", "/webhooks/{webhook_id}/deliveries/{message_id}/resend", "write"),
]
PUBLIC = {"/openapi.json", "/docs", "/"}
ADMITTED = {"read": {"read", "write"}, "write": {"write"}, "ingest": {"ingest", "write"}}


def test_the_table_names_every_endpoint() -> None:
    served = {
        (method, "/" + re.sub(r"<segment:(\w+)>", r"{\1}", str(each.pattern)))
        for each in urlpatterns
        for method in ("GET", "POST", "PATCH", "PUT", "DELETE")
        if hasattr(each.callback.cls, method.lower())
    }

    assert {pair for pair in served if pair[1] not in PUBLIC} == {(method, address) for method, address, _ in ENDPOINTS}


@pytest.mark.parametrize(("method", "address", "needed"), ENDPOINTS)
def test_admits_the_scopes_that_cover_it(call: Callable[..., Any], method: str, address: str, needed: str) -> None:
    for scope in ("ingest", "read", "write"):
        reply = call(method, address, scope=scope)

        if scope in ADMITTED[needed]:
            assert reply.status not in {401, 403}
        else:
            assert (reply.status, reply.body["code"]) == (403, "SCOPE_MISSING")
            assert reply.body["message"].startswith(f"This needs an API key of scope {needed}")
            assert reply.body["message"].endswith(f"yours has scope {scope}.")
        if method == "GET":
            assert call("HEAD", address, scope=scope).status == reply.status


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
