"""Webhook endpoints through the published client, and what stands beside the contract."""

from collections.abc import Callable
from typing import Any

import pytest
from dodopayments import DodoPayments

from webhooks.models import WebhookAttempt, WebhookDelivery

URL = "https://example.com/hook"


def test_the_published_client_makes_changes_and_deletes_endpoints(dodo: DodoPayments) -> None:
    made = dodo.webhooks.create(url=URL, description="Books", filter_types=["credit.expired"], metadata={"team": "a"})
    other = dodo.webhooks.create(url=URL + "/2", disabled=True)

    assert (made.url, made.filter_types, made.disabled, made.metadata) == (URL, ["credit.expired"], False, {"team": "a"})
    assert [one.id for one in dodo.webhooks.list(limit=1)] == [other.id, made.id]
    assert dodo.webhooks.retrieve_secret(made.id).secret.startswith("whsec_")
    dodo.webhooks.headers.update(made.id, headers={"X-Team": "a"})
    assert dodo.webhooks.headers.retrieve(made.id).headers == {"X-Team": "a"}
    assert dodo.webhooks.update(made.id, disabled=True, description="Off").disabled is True
    dodo.webhooks.delete(other.id)
    assert [one.id for one in dodo.webhooks.list()] == [made.id]


@pytest.mark.django_db
def test_a_message_is_listed_with_its_attempts_and_sent_again(call: Callable[..., Any]) -> None:
    webhook = call("POST", "/webhooks", {"url": URL}).body["id"]
    sent = call("POST", f"/webhooks/{webhook}/test").body
    assert (sent["event_type"], sent["status"], sent["payload"]["data"]) == ("webhook.test", "waiting", {"webhook_id": webhook})
    again = f"/webhooks/{webhook}/deliveries/{sent['id']}/resend"
    assert call("POST", again).body["code"] == "WEBHOOK_DELIVERY_WAITING"

    delivery = WebhookDelivery.objects.get()
    WebhookAttempt.objects.create(delivery=delivery, attempted_at=delivery.message.created_at, duration_ms=4, response_status=500)
    WebhookDelivery.objects.update(status="failed", next_attempt_at=None)
    (listed,) = call("GET", f"/webhooks/{webhook}/deliveries").body["data"]
    assert (listed["status"], [one["response_status"] for one in listed["attempts"]]) == ("failed", [500])

    assert call("POST", again).body["status"] == "waiting"
    assert call("POST", f"/webhooks/{webhook}/deliveries/msg_none/resend").status == 404


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"url": "file:///etc/passwd"}, "WEBHOOK_URL_NOT_ALLOWED"),
        ({"url": URL, "filter_types": ["payment.succeeded"]}, "WEBHOOK_EVENT_TYPE_UNKNOWN"),
        ({"url": URL, "headers": {"Host": "x"}}, "WEBHOOK_HEADER_NOT_ALLOWED"),
        ({"url": URL, "idempotency_key": "k"}, "UNSUPPORTED_ACTION"),
    ],
)
def test_what_could_not_be_kept_to_is_refused(call: Callable[..., Any], content: dict[str, Any], code: str) -> None:
    reply = call("POST", "/webhooks", content)

    assert (reply.status, reply.body["code"]) == (400, code)


@pytest.mark.django_db
def test_numbers_in_metadata_stay_exact(call: Callable[..., Any]) -> None:
    made = call("POST", "/webhooks", raw=b'{"url": "https://example.com/hook", "metadata": {"n": 0.10}}')

    read = call("GET", f"/webhooks/{made.body['id']}")

    assert (made.status, b'"metadata":{"n":0.10}' in read.raw) == (200, True)


@pytest.mark.django_db
def test_secrets_need_a_key_that_may_write(call: Callable[..., Any]) -> None:
    webhook = call("POST", "/webhooks", {"url": URL}).body["id"]

    assert call("GET", f"/webhooks/{webhook}/secret", scope="read").status == 403
    assert call("GET", f"/webhooks/{webhook}", scope="read").status == 200
