"""What many subscriptions share is planned once, and is what each would have on its own."""

from decimal import Decimal

import pytest

from invoices.planning import Planner, PointKey
from invoices.tests import story
from products import cancel, pause
from products.cancel import Cancellation
from products.models import Subscription
from products.subscribe import Extras
from products.tests import making
from products.tests.making import ACTOR, utc

pytestmark = pytest.mark.django_db


@pytest.fixture
def alike():
    """Subscriptions of one product that begin on one day: two the same but for the hour, others that differ in one thing each."""
    calls = making.meter()
    product = making.product(making.per_unit(calls), fee=900, life=("Month", 3))
    made = [
        story.begin(making.customer(tax_rate=Decimal("0.19")), product, f"2026-01-31T{hour}:00", extras=Extras(quantity=quantity))
        for hour, quantity in (("03", 1), ("21", 1), ("04", 2), ("05", 1), ("06", 1), ("07", 1))
    ]
    *_, cancelled, paused, elsewhere = made
    cancel.cancel_now(subscription=cancelled, why=Cancellation(), actor=ACTOR, now=utc("2026-03-10"))
    pause.pause(subscription=paused, actor=ACTOR, now=utc("2026-03-12"))
    Subscription.objects.filter(id=elsewhere.id).update(bill_from=utc("2026-03-31"))
    return made


def told(plan):
    """Say all of a plan but the schedule, which a shared one stands for from its point on."""
    return {name: getattr(plan, name) for name in plan.__struct_fields__ if name not in ("schedule", "used")} | {
        "terms": plan.used and plan.used.meters
    }


@pytest.mark.parametrize("point", [0, 1, 2, 3])
def test_a_plan_among_many_is_the_one_that_it_is_alone(alike, point):
    keys = [PointKey(one.id, point) for one in alike]
    together = Planner(keys)

    for key in keys:
        alone = Planner([key])
        if alone.schedule(key.subscription_id).point_at(point) is None:
            with pytest.raises(LookupError, match=alone.subscribers[key.subscription_id].public_id):
                together.plan(key)
            continue
        own = alone.plan(key)
        assert told(together.plan(key)) == told(own)
        assert own.at == alone.schedule(key.subscription_id).point_at(point)


def test_only_what_is_the_same_in_all_is_shared(alike):
    keys = [PointKey(one.id, 2) for one in alike]
    planner = Planner(keys)

    first, same, more, *others = [planner.plan(key) for key in keys]

    assert same.fees is first.fees
    assert more.fees[0].amount == 2 * first.fees[0].amount
    assert all(other.fees is not first.fees for other in others)
