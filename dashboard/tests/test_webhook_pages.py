"""Operators add, try out, change and delete webhook endpoints, and see what each was sent."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from dashboard.tests import world
from webhooks import endpoints, outbox
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint

NOW = datetime(2026, 11, 1, tzinfo=UTC)
URL = "https://example.com/hook"
pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Client:
    return world.signed_in()


def address(name: str, *arguments: object) -> str:
    return reverse(f"dashboard:{name}", args=arguments)


def test_an_endpoint_is_added_tried_out_changed_and_deleted(owner: Client) -> None:
    owner.post(address("webhook_create"), {"url": URL, "filter_types": ["invoice.paid"]})
    made = WebhookEndpoint.objects.get()
    assert (made.url, made.filter_types) == (URL, ["invoice.paid"])

    owner.post(address("webhook_edit", made.public_id), {"url": URL + "/2", "description": "Books"})
    made.refresh_from_db()
    assert (made.url, made.filter_types, made.description) == (URL + "/2", [], "Books")

    owner.post(address("webhook_test", made.public_id))
    page = owner.get(address("webhook", made.public_id)).content.decode()
    assert "webhook.test" in page
    assert "not tried yet" in page
    assert made.secret not in page
    assert made.secret in owner.post(address("webhook_secret", made.public_id)).content.decode()

    owner.post(address("webhook_switch", made.public_id))
    made.refresh_from_db()
    assert made.disabled_at is not None
    owner.post(address("webhook_delete", made.public_id))
    assert owner.get(address("webhook", made.public_id)).status_code == 404


def test_an_address_that_cannot_be_sent_to_is_refused_beside_its_field(owner: Client) -> None:
    page = owner.post(address("webhook_create"), {"url": "ftp://example.com"}).content.decode()

    assert "no address that a message can be sent to" in page
    assert not WebhookEndpoint.objects.exists()


def test_a_message_that_was_given_up_is_sent_again(owner: Client) -> None:
    endpoint = endpoints.create(url=URL, now=NOW)
    delivery = outbox.tell_one(endpoint, now=NOW)
    WebhookAttempt.objects.create(delivery=delivery, attempted_at=NOW, duration_ms=4, error="ConnectError: <b>refused</b>")
    WebhookDelivery.objects.update(status="failed", next_attempt_at=None)
    page = owner.get(address("webhook", endpoint.public_id)).content.decode()
    assert "ConnectError: &lt;b&gt;refused" in page

    again = address("webhook_resend", endpoint.public_id, delivery.pk)
    assert f'action="{again}"' in page
    owner.post(again)

    assert WebhookDelivery.objects.get().status == "waiting"
