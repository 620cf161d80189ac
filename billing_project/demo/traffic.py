"""Make up the usage of one customer in one day: how many events, when, with which metadata, sent how late and how often. PURE.

Times are UTC. Everything follows from the seed, the customer and the day, so that any day can be made without those before it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from billing_project.demo.company import EDGE_SLUG, MISNAMED_SLUG, PRODUCT_BY_SLUG, SPIKE_SLUG, CustomerPlan, Rhythm
from billing_project.demo.dice import Dice
from events.blueprints.catalogue import BY_SLUG

Metadata = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """One event as a customer's server posts it at sent_at; the same event_id may be sent again."""

    sent_at: datetime
    event_id: str
    customer: str
    event_name: str
    timestamp: datetime
    metadata: Metadata


@dataclass(frozen=True)
class Course:
    """Where a day lies in the story: days since the first, and the days of the two unusual things."""

    first: date
    release_day: date
    misnamed_day: date


# Per mille of an average day, Monday to Sunday.
_WEEK: Mapping[Rhythm, tuple[int, ...]] = {
    "office": (1180, 1260, 1270, 1230, 1060, 340, 280),
    "leisure": (820, 830, 860, 910, 1080, 1350, 1280),
}
# How often each hour of the local day is drawn.
_DAY: Mapping[Rhythm, tuple[int, ...]] = {
    "office": (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 19, 18, 13, 15, 18, 18, 16, 12, 7, 5, 4, 3, 2, 2),
    "leisure": (6, 4, 2, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 9, 10, 12, 15, 18, 20, 20, 16, 10),
}
_HOURS: Mapping[Rhythm, tuple[int, ...]] = {
    rhythm: tuple(hour for hour, weight in enumerate(weights) for _ in range(weight)) for rhythm, weights in _DAY.items()
}
_MEASURED = {"stored_bytes"}  # by a timer: no rhythm, no spike


def usage_of_day(*, customer: CustomerPlan, day: date, course: Course, volume: int, seed: int) -> Iterator[Sent]:
    """Yield what a customer's servers send about one UTC day, not in order.

    volume: per mille of what the customer would send (1000), for a customer who is leaving.
    """
    product = PRODUCT_BY_SLUG[customer.product]
    for kind, average in product.daily_events.items():
        dice = Dice(seed, customer.slug, kind, day)
        count = average if kind in _MEASURED else _count(customer, average, day, course, volume, dice)
        for _ in range(count):
            event = event_at(
                _moment(customer, day, dice), customer=customer, kind=kind, days=(day - course.first).days, dice=dice
            )
            if customer.slug == MISNAMED_SLUG and day == course.misnamed_day:
                event = replace(event, event_name=event.event_name.title())
            yield from _sendings(event, customer, dice)


def event_at(happened_at: datetime, *, customer: CustomerPlan, kind: str, days: int, dice: Dice) -> Sent:
    """Make up one event of a kind of usage. days: since the story's first, by which stored data have grown."""
    return Sent(
        sent_at=happened_at + timedelta(milliseconds=dice.between(40, 2_000)),
        event_id=f"evt_{dice.hexadecimal(24)}",
        customer=customer.slug,
        event_name=BY_SLUG[kind].event_name,
        timestamp=happened_at,
        metadata=_METADATA[kind](dice, customer, days),
    )


def _count(customer: CustomerPlan, average: int, day: date, course: Course, volume: int, dice: Dice) -> int:
    millionths = average * customer.size * 10_000
    millionths = millionths * _WEEK[customer.rhythm][day.weekday()] // 1000
    millionths = millionths * (1000 + customer.growth * (day - course.first).days // 30) // 1000
    millionths = millionths * dice.between(820, 1180) // 1000 * volume // 1000
    if customer.slug == SPIKE_SLUG:
        millionths *= {0: 14, 1: 5, 2: 2}.get((day - course.release_day).days, 1)
    # The part of an event that is left over happens as often as it is large.
    return millionths // 1_000_000 + (dice.below(1_000_000) < millionths % 1_000_000)


def _moment(customer: CustomerPlan, day: date, dice: Dice) -> datetime:
    hour = (dice.pick(_HOURS[customer.rhythm]) - customer.hours_ahead) % 24
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour, milliseconds=dice.below(3_600_000))


def _sendings(event: Sent, customer: CustomerPlan, dice: Dice) -> Iterator[Sent]:
    """Yield an event as often, and as late, as it is sent."""
    fate = dice.below(10_000)
    late_share = 500 if customer.slug == EDGE_SLUG else 8
    if fate < late_share:
        yield replace(event, sent_at=event.sent_at + timedelta(minutes=dice.between(600, 14_000)))
        return
    yield event
    if fate >= 9_950:
        again = replace(event, sent_at=event.sent_at + timedelta(seconds=dice.between(5, 5_400)))
        is_conflict = fate == 9_999
        yield replace(again, metadata={**event.metadata, "retried": True}) if is_conflict else again


def _tokens(dice: Dice, customer: CustomerPlan, days: int) -> Metadata:
    prompt, completion = dice.skewed(400, 120_000), dice.skewed(60, 9_000)
    total: int | str = prompt + completion
    if dice.below(6_000) == 0:
        total = str(total)  # an old client writes numbers as text
    return {
        "model": dice.pick(("large", "large", "small", "small", "small", "vision")),
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": total,
        "cached": dice.happens(per_mille=90),
    }


def _call(dice: Dice, customer: CustomerPlan, days: int) -> Metadata:
    route = dice.pick(("/v1/documents/parse", "/v1/documents/parse", "/v1/documents/classify", "/v1/tables/extract"))
    return {
        "method": "POST",
        "route": route,
        "status_code": dice.pick((200,) * 44 + (202,) * 3 + (422, 429, 500, 503)),
        "region": "us-east" if customer.hours_ahead < 0 else "eu-west" if customer.hours_ahead < 4 else "ap-south",
    }


def _stored(dice: Dice, customer: CustomerPlan, days: int) -> Metadata:
    gigabytes = 90 * customer.size * PRODUCT_BY_SLUG[customer.product].daily_events["stored_bytes"] // 4
    size = gigabytes * (1000 + customer.growth * days // 30 + dice.between(-15, 15)) * 1_000_000 + dice.below(1_000_000)
    return {"bucket": "primary", "bytes": size, "objects": size // 2_900_000}


def _streamed(dice: Dice, customer: CustomerPlan, days: int) -> Metadata:
    return {
        "quality": dice.pick(("480p", "720p", "1080p", "1080p", "2160p")),
        "bytes": dice.skewed(30_000_000, 14_000_000_000),
        "edge": dice.pick(("ams", "fra", "fra", "mad", "iad")),
    }


def _run(dice: Dice, customer: CustomerPlan, days: int) -> Metadata:
    return {
        "hardware": dice.pick(("gpu-large", "gpu-small", "gpu-small", "cpu")),
        "seconds": Decimal(dice.skewed(4_000, 9_000_000)).scaleb(-3),
        "outcome": dice.pick(("succeeded",) * 17 + ("failed", "preempted")),
    }


_METADATA: Mapping[str, Callable[[Dice, CustomerPlan, int], Metadata]] = {
    "llm_tokens": _tokens,
    "api_calls": _call,
    "stored_bytes": _stored,
    "streamed_bytes": _streamed,
    "run_time": _run,
}
