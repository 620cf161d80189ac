"""What a trial or a pause has used is said while it lasts, and no longer than the subscription."""

import pytest

from invoices import aside
from invoices.tests.story import begin, use
from products import cancel, pause
from products.cancel import Cancellation
from products.subscribe import Extras
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return making.customer()


@pytest.fixture
def sold():
    return making.product(per_unit(making.meter("call"), "100"), fee=3100)


def test_a_trial_lasts_no_longer_than_the_subscription(acme, sold):
    subscription = begin(acme, sold, "2026-01-01", extras=Extras(trial_period_days=14))
    use(acme, "call", "2026-01-05", times=3)
    before = aside.trial(subscription, now=utc("2026-01-06"))

    ended = cancel.cancel_now(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-01-06"))

    assert before.amount == 300
    assert aside.trial(ended, now=utc("2026-01-07")) is None


def test_a_pause_lasts_no_longer_than_the_subscription(acme, sold):
    subscription = begin(acme, sold, "2026-01-01")
    cancel.cancel_at_next_billing_date(subscription=subscription, why=Cancellation(), actor=ACTOR, now=utc("2026-01-02"))
    paused = pause.pause(subscription=subscription, actor=ACTOR, now=utc("2026-01-03"))
    use(acme, "call", "2026-01-05", times=2)

    assert aside.pause(paused, now=utc("2026-01-06")).amount == 200
    assert aside.pause(paused, now=utc("2026-02-01T00:05")) is None
