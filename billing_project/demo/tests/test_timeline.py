"""The demonstration company's months follow from a seed, and hold what they promise."""

import ast
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from billing_project.demo import company, dice, timeline, traffic
from billing_project.demo.company import CHURNED_SLUG, CUSTOMERS, EDGE_SLUG, METERS, PRODUCTS, SPIKE_SLUG, STRANGER_SLUG
from billing_project.demo.dice import Dice
from billing_project.demo.timeline import Bill, Leave, Open, Send, Story, steps
from billing_project.demo.traffic import Sent
from events.blueprints.catalogue import BY_SLUG

UNTIL = datetime(2026, 11, 15, 12, tzinfo=UTC)
SMALL = Story(
    seed=7,
    anchor=date(2026, 9, 1),
    until=datetime(2026, 9, 3, tzinfo=UTC),
    zone="UTC",
    grace=timedelta(hours=1),
    months=1,
    customers=CUSTOMERS[:3],
)


@cache
def whole() -> tuple[timeline.Step, ...]:
    return tuple(steps(Story(seed=1, anchor=date(2026, 11, 1), until=UNTIL, zone="UTC", grace=timedelta(hours=1))))


def sent(story_steps: tuple[timeline.Step, ...]) -> list[Sent]:
    return [event for step in story_steps if isinstance(step, Send) for event in step.events]


def test_the_same_seed_tells_the_same_story():
    assert list(steps(SMALL)) == list(steps(SMALL))


def test_another_seed_tells_another_story():
    other = Story(**{**SMALL.__dict__, "seed": 8})

    ids = {event.event_id for event in sent(tuple(steps(SMALL)))}
    other_ids = {event.event_id for event in sent(tuple(steps(other)))}

    assert not ids & other_ids


def test_draws_are_the_same_on_every_python():
    drawn = Dice("fixed", 1)

    assert [drawn.below(1000) for _ in range(5)] == [109, 933, 446, 235, 859]
    assert drawn.hexadecimal(8) == "5f0e804b"


def test_a_story_that_goes_on_longer_begins_alike():
    longer = Story(**{**SMALL.__dict__, "until": SMALL.until + timedelta(days=3)})
    short, long = list(steps(SMALL)), list(steps(longer))

    assert long[: len(short) - 1] == short[:-1]  # the last request is cut at `until`


def test_steps_come_in_order_and_not_after_the_end():
    told = whole()

    assert all(one.at <= other.at for one, other in pairwise(told))
    assert told[-1].at <= UNTIL


def test_a_request_holds_a_thousand_events_at_most_and_none_from_the_future():
    requests = [step for step in whole() if isinstance(step, Send)]

    assert all(1 <= len(request.events) <= 1000 for request in requests)
    assert all(event.timestamp <= event.sent_at <= request.at for request in requests for event in request.events)


def test_no_event_is_older_than_the_default_acceptance_window():
    assert max(event.sent_at - event.timestamp for event in sent(whole())) < timedelta(days=35)


def test_about_two_hundred_thousand_events_of_forty_customers():
    events = sent(whole())

    assert 170_000 < len(events) < 220_000
    assert len({event.customer for event in events} - {STRANGER_SLUG}) == len(CUSTOMERS) == 40


def test_events_carry_what_the_blueprints_meters_read():
    for event in sent(tuple(steps(SMALL))):
        blueprint = next(row for row in BY_SLUG.values() if row.event_name == event.event_name)
        assert set(event.metadata) - {"retried"} == set(blueprint.metadata)


def test_every_meter_is_priced_and_every_price_metered():
    metered = {plan.blueprint for plan in METERS}

    assert metered == set(BY_SLUG)
    assert {price.blueprint for product in PRODUCTS for price in product.prices} == metered
    assert all({price.blueprint for price in product.prices} == set(product.daily_events) for product in PRODUCTS)


def test_weekdays_are_busier_than_week_ends_in_offices():
    per_day = Counter(event.timestamp.weekday() for event in sent(whole()) if event.customer == "nordlicht")

    assert min(per_day[day] for day in range(5)) > 2 * max(per_day[5], per_day[6])


def test_usage_grows_from_month_to_month():
    per_month = Counter(event.timestamp.month for event in sent(whole()))

    assert per_month[8] < per_month[9] < per_month[10]


def test_one_customer_has_a_day_far_above_all_others():
    per_day = Counter(event.timestamp.date() for event in sent(whole()) if event.customer == SPIKE_SLUG)
    (top, most), (_, second) = per_day.most_common(2)

    assert top == date(2026, 10, 18)
    assert most > 2 * second


def test_one_customer_fades_and_leaves():
    (leave,) = [step for step in whole() if isinstance(step, Leave)]
    per_month = Counter(event.timestamp.month for event in sent(whole()) if event.customer == CHURNED_SLUG)

    assert leave.customer.slug == CHURNED_SLUG
    assert leave.at.date() == date(2026, 9, 24)
    assert per_month[9] * 2 < per_month[8]
    assert set(per_month) == {8, 9}


def test_some_events_come_after_their_month_was_billed():
    late = [event for event in sent(whole()) if event.sent_at.month != event.timestamp.month]

    assert len(late) > 20
    assert Counter(event.customer for event in late).most_common(1)[0][0] == EDGE_SLUG


def test_some_events_are_sent_twice_and_a_few_with_other_content():
    by_id: dict[str, list[Sent]] = {}
    for event in sent(whole()):
        by_id.setdefault(event.event_id, []).append(event)
    repeated = [group for group in by_id.values() if len(group) > 1]
    conflicting = [group for group in repeated if any(event.metadata != group[0].metadata for event in group)]

    assert len(repeated) > 500
    assert 5 <= len(conflicting) <= 60


def test_customers_open_before_they_send():
    opened: set[str] = set()
    for step in whole():
        if isinstance(step, Open):
            opened.add(step.customer.slug)
        if isinstance(step, Send):
            assert {event.customer for event in step.events} <= opened | {STRANGER_SLUG}


def test_a_request_holds_each_id_once():
    assert all(len({event.event_id for event in step.events}) == len(step.events) for step in whole() if isinstance(step, Send))


def test_what_nobody_may_send_comes_in_requests_of_its_own():
    strange = [step for step in whole() if isinstance(step, Send) and step.events[0].customer == STRANGER_SLUG]

    assert len(strange) == 4
    assert all({event.customer for event in step.events} == {STRANGER_SLUG} for step in strange)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Los_Angeles", "Pacific/Auckland"])
def test_the_billing_run_follows_each_midnight_of_the_billing_zone(zone: str):
    story = Story(**{**SMALL.__dict__, "zone": zone})
    bills = [step.at for step in steps(story) if isinstance(step, Bill)]
    opens = [step.at for step in steps(story) if isinstance(step, Open)]

    assert opens[0] == timeline.local_midnight(date(2026, 8, 1), zone)
    assert [timeline.local_date(at, zone) for at in bills] == [date(2026, 8, 1), date(2026, 9, 1)]


@pytest.mark.parametrize("module", [company, dice, traffic, timeline], ids=lambda module: module.__name__)
def test_no_module_of_the_story_divides_or_writes_floats(module):
    tree = ast.parse(Path(module.__file__).read_text())

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, float)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)]
