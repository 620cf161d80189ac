"""What happened is told once to whoever wants to know, tried again when it fails, and given up in the end."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from webhooks import deliver, endpoints, outbox, tasks
from webhooks.deliver import DELAYS
from webhooks.models import DeliveryStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage
from webhooks.outbox import Happening
from webhooks.sending import Outcome, Parcel

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PAID = Happening("invoice.paid", "invoice:inv_1:paid:1", {"invoice_id": "inv_1", "total": 100})
pytestmark = pytest.mark.django_db


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """What the next attempts come to; 200 when there is nothing more."""
    planned: list[Outcome] = []

    def send(parcel: Parcel, **_now: Any) -> Outcome:
        return planned.pop(0) if planned else Outcome(200, "", "", 3)

    monkeypatch.setattr(deliver, "send", send)
    return planned


def endpoint(**fields: Any) -> WebhookEndpoint:
    return endpoints.create(**{"url": "https://example.com/hook", "now": NOW, **fields})


def test_each_endpoint_that_wants_to_know_is_told_once() -> None:
    every, paid, issued, away = (
        endpoint(),
        endpoint(filter_types=["invoice.paid"]),
        endpoint(filter_types=["invoice.issued"]),
        endpoint(),
    )
    endpoints.update(endpoint=away, fields={"disabled": True}, now=NOW)

    assert outbox.tell([PAID], now=NOW) == 2
    assert outbox.tell([PAID], now=NOW) == 0

    assert set(WebhookDelivery.objects.values_list("endpoint", flat=True)) == {every.pk, paid.pk}
    assert WebhookMessage.objects.get().payload["data"] == {"invoice_id": "inv_1", "total": 100}
    assert issued.pk not in WebhookDelivery.objects.values_list("endpoint", flat=True)


def test_where_nobody_wants_to_know_nothing_is_written(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        outbox.tell([PAID] * 1000, now=NOW)

    assert not WebhookMessage.objects.exists()


def test_what_is_rolled_back_is_not_told() -> None:
    endpoint()
    with transaction.atomic():
        outbox.tell([PAID], now=NOW)
        transaction.set_rollback(True)

    assert not WebhookDelivery.objects.exists()


def test_a_failure_is_tried_again_later_and_each_attempt_is_kept(answers: list[Outcome]) -> None:
    endpoint()
    outbox.tell([PAID], now=NOW)
    answers += [Outcome(500, "oops", "", 7)]

    assert deliver.deliver(now=NOW) == 1
    assert deliver.deliver(now=NOW) == 0
    waiting = WebhookDelivery.objects.get()
    assert (waiting.status, waiting.attempt_count) == (DeliveryStatus.WAITING, 1)
    assert waiting.next_attempt_at is not None

    assert deliver.deliver(now=waiting.next_attempt_at) == 1
    assert WebhookDelivery.objects.get().status == DeliveryStatus.DELIVERED
    assert list(WebhookAttempt.objects.order_by("id").values_list("response_status", flat=True)) == [500, 200]


def test_it_is_given_up_after_the_last_delay_and_can_be_sent_again(answers: list[Outcome]) -> None:
    endpoint()
    outbox.tell([PAID], now=NOW)
    answers += [Outcome(None, "", "ConnectTimeout", 5)] * (len(DELAYS) + 1)

    attempts = 0
    while (waiting := WebhookDelivery.objects.get()).next_attempt_at:
        attempts += deliver.deliver(now=waiting.next_attempt_at)

    assert (attempts, waiting.status) == (len(DELAYS) + 1, DeliveryStatus.FAILED)
    assert sum(DELAYS, timedelta()) > timedelta(days=3)

    deliver.resend(delivery=waiting, now=NOW)
    with pytest.raises(deliver.DeliveryWaits):
        deliver.resend(delivery=waiting, now=NOW)
    deliver.deliver(now=NOW)
    assert WebhookDelivery.objects.get().status == DeliveryStatus.DELIVERED


def test_an_endpoint_that_is_gone_is_disabled_and_one_that_asks_for_time_gets_it(answers: list[Outcome]) -> None:
    gone = endpoint()
    outbox.tell([PAID], now=NOW)
    answers += [Outcome(410, "", "", 5)]
    deliver.deliver(now=NOW)
    gone.refresh_from_db()
    assert gone.disabled_at is not None

    busy = endpoint()
    outbox.tell([Happening("invoice.paid", "other", {})], now=NOW)
    answers += [Outcome(429, "", "", 5, retry_after=7200)]
    before = datetime.now(UTC)
    deliver.deliver(now=NOW)
    again = WebhookDelivery.objects.get(endpoint=busy).next_attempt_at
    assert again is not None
    assert again - before >= timedelta(hours=2)


def test_a_turn_sends_an_endpoint_no_more_than_its_limit(answers: list[Outcome]) -> None:
    slow, free = endpoint(rate_limit=2), endpoint()
    outbox.tell([Happening("invoice.paid", f"n{n}", {}) for n in range(5)], now=NOW)

    deliver.deliver(now=NOW)

    sent = WebhookDelivery.objects.filter(status=DeliveryStatus.DELIVERED)
    assert (sent.filter(endpoint=slow).count(), sent.filter(endpoint=free).count()) == (2, 5)


def test_a_worker_that_died_leaves_its_claims_to_come_due_again(answers: list[Outcome]) -> None:
    endpoint()
    outbox.tell([PAID], now=NOW)
    deliver._claim(now=NOW, most=10, each=10)

    assert deliver.deliver(now=NOW) == 0
    assert deliver.deliver(now=NOW + deliver.LEASE) == 1
    assert WebhookDelivery.objects.get().status == DeliveryStatus.DELIVERED


def test_trying_an_endpoint_out_passes_its_filter(answers: list[Outcome]) -> None:
    one = endpoint(filter_types=["invoice.paid"])

    delivery = outbox.tell_one(one, now=NOW)

    assert deliver.deliver(now=NOW) == 1
    assert delivery.message.event_type == "webhook.test"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"url": "ftp://example.com"}, endpoints.UrlNotAllowed),
        ({"url": "https://user:pw@example.com"}, endpoints.UrlNotAllowed),
        ({"url": "https://"}, endpoints.UrlNotAllowed),
        ({"url": "https://example.com:99999/"}, endpoints.UrlNotAllowed),
        ({"url": "https://exa mple.com/\0"}, endpoints.UrlNotAllowed),
        ({"filter_types": ["payment.succeeded"]}, endpoints.UnknownEventType),
        ({"headers": {"Webhook-Id": "1"}}, endpoints.HeaderNotAllowed),
        ({"headers": {"X-A": "a\r\nB: c"}}, endpoints.HeaderNotAllowed),
    ],
)
def test_an_endpoint_that_could_not_be_sent_anything_is_refused(fields: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        endpoint(**fields)


def test_a_deleted_endpoint_is_told_nothing(answers: list[Outcome]) -> None:
    one = endpoint()
    outbox.tell([PAID], now=NOW)
    endpoints.delete(endpoint=one, now=NOW)

    assert deliver.deliver(now=NOW) == 0
    assert outbox.tell([Happening("invoice.paid", "later", {})], now=NOW) == 0


def test_a_long_queue_of_a_slow_endpoint_holds_up_no_other(answers: list[Outcome]) -> None:
    endpoint(rate_limit=1, filter_types=["invoice.paid"])
    outbox.tell([Happening("invoice.paid", f"invoice:{n}", {}) for n in range(1001)], now=NOW)
    fast = endpoint(filter_types=["invoice.issued"])
    outbox.tell([Happening("invoice.issued", "invoice:issued", {})], now=NOW)

    assert deliver.deliver(now=NOW) == 2

    assert WebhookDelivery.objects.get(endpoint=fast).status == DeliveryStatus.DELIVERED


@pytest.mark.parametrize(("seconds", "turns"), [(1, 3), (tasks.MOST_SECONDS, 1)])
def test_a_worker_delivers_until_nothing_is_due_or_others_have_waited_long(
    monkeypatch: pytest.MonkeyPatch, seconds: int, turns: int
) -> None:
    due, clock = [4, 4, 0, 4], [0.0]

    def deliver_slowly(**_now: Any) -> int:
        clock[0] += seconds
        return due.pop(0)

    monkeypatch.setattr(tasks, "deliver", deliver_slowly)
    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=lambda pause: pass_by(clock, pause)))

    tasks.send()

    assert 4 - len(due) == turns


def pass_by(clock: list[float], seconds: float) -> None:
    clock[0] += seconds
