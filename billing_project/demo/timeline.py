"""Tell the demonstration company's months as one ordered list of steps: open, send, bill, leave. PURE.

The list follows from the Story alone. Whoever carries it out may stop after any step and go on later from its number.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from heapq import heappop, heappush

from billing_project.demo.company import CHURNED_SLUG, CUSTOMERS, STRANGER_SLUG, CustomerPlan
from billing_project.demo.dice import Dice
from billing_project.demo.traffic import Course, Sent, event_at, usage_of_day
from core.periods import Interval, add_interval, local_date, local_midnight

MONTH = Interval("Month", 1)
BATCH = 1000
TICK = timedelta(hours=6)  # how long a sender collects at most


@dataclass(frozen=True)
class Story:
    """What the steps follow from. anchor: the first day of the open month.  until: nothing happens later.

    zone: the billing zone.  grace: from a cycle's end to its invoice.  months: closed ones before the anchor.
    """

    seed: int
    anchor: date
    until: datetime
    zone: str
    grace: timedelta
    months: int = 3
    customers: tuple[CustomerPlan, ...] = CUSTOMERS

    @property
    def first(self) -> date:
        """The first day of the first closed month."""
        return add_interval(self.anchor, MONTH, -self.months)

    def day(self, month: int, day: int) -> date:
        """Give a day of the month that many months after the first; a day that it lacks is its last."""
        start, end = add_interval(self.first, MONTH, month), add_interval(self.first, MONTH, month + 1)
        return min(start + timedelta(days=day - 1), end - timedelta(days=1))

    @property
    def course(self) -> Course:
        return Course(first=self.first, release_day=self.day(2, 18), misnamed_day=self.day(2, 7))


@dataclass(frozen=True)
class Open:
    """A customer signs up and subscribes."""

    at: datetime
    customer: CustomerPlan


@dataclass(frozen=True)
class Send:
    """Servers post these events in one request, received at `at`."""

    at: datetime
    events: tuple[Sent, ...]


@dataclass(frozen=True)
class Bill:
    """The billing run; then who pays by now has paid."""

    at: datetime


@dataclass(frozen=True)
class Leave:
    """A customer cancels at once."""

    at: datetime
    customer: CustomerPlan


Step = Open | Send | Bill | Leave
_ORDER = (Open, Leave, Bill, Send)  # of steps at one instant


def steps(story: Story) -> Iterator[Step]:
    """Yield every step up to story.until, in order of time."""
    plans = sorted(_planned(story), key=lambda step: (step.at, _ORDER.index(type(step))))
    waiting: list[tuple[datetime, str, int, Sent]] = []
    number = 0
    cut_before = datetime.min.replace(tzinfo=UTC)
    day = story.first - timedelta(days=1)  # UTC; a zone east of it begins its first day here
    while (midnight := datetime.combine(day, time(), UTC)) < story.until:
        for event in _day(story, day):
            number += 1
            heappush(waiting, (event.sent_at, event.event_id, number, event))
        for cut in _cuts(midnight, plans, story.until):
            yield from _requests(waiting, cut, not_before=cut_before)
            cut_before = cut
            while plans and plans[0].at <= cut:
                yield plans.pop(0)
        day += timedelta(days=1)


def _planned(story: Story) -> Iterator[Step]:
    bills: set[datetime] = set()
    for customer in story.customers:
        starts_at, ends_at = _start(story, customer), _end(story, customer)
        if starts_at > story.until:
            continue
        yield Open(starts_at, customer)
        if ends_at and ends_at <= story.until:
            yield Leave(ends_at, customer)
        bills.update(_billings(story, starts_at, ends_at))
    yield from (Bill(at) for at in bills if at <= story.until)
    yield from (send for send in _mistakes(story) if send.at <= story.until)


def _start(story: Story, customer: CustomerPlan) -> datetime:
    month, day = customer.starts
    midnight = local_midnight(story.day(month, day), story.zone)
    if day == 1:
        return midnight
    return midnight + timedelta(hours=8, seconds=Dice(story.seed, customer.slug, "start").below(36_000))


def _end(story: Story, customer: CustomerPlan) -> datetime | None:
    if customer.slug != CHURNED_SLUG:
        return None
    return local_midnight(story.day(1, 24), story.zone) + timedelta(hours=15, minutes=20)


def _billings(story: Story, starts_at: datetime, ends_at: datetime | None) -> Iterator[datetime]:
    """Yield the nights on which something of one subscription is to be issued."""
    anchor = local_date(starts_at, story.zone)
    ends = [ends_at] if ends_at else []
    boundaries = [local_midnight(add_interval(anchor, MONTH, n), story.zone) for n in range(1, story.months + 2)]
    for point in (starts_at, *(b for b in boundaries if ends_at is None or b < ends_at), *ends):
        due_at = point + story.grace
        night = local_midnight(local_date(due_at, story.zone), story.zone) + timedelta(hours=3)
        if night < due_at:
            night = local_midnight(local_date(due_at, story.zone) + timedelta(days=1), story.zone) + timedelta(hours=3)
        yield night


def _day(story: Story, day: date) -> Iterator[Sent]:
    for customer in story.customers:
        starts_at, ends_at = _start(story, customer), _end(story, customer)
        volume = _volume(story, day) if ends_at else 1000
        for event in usage_of_day(customer=customer, day=day, course=story.course, volume=volume, seed=story.seed):
            if starts_at <= event.timestamp < (ends_at or story.until):
                yield event


def _volume(story: Story, day: date) -> int:
    """Give the per mille of its usage that the leaving customer still has: all of it in the first month, then less by the day."""
    days = (day - story.day(1, 1)).days
    return 1000 if days < 0 else max(80, 700 - 35 * days)


def _cuts(midnight: datetime, plans: Sequence[Step], until: datetime) -> list[datetime]:
    """List the instants of a day at which what waits is sent: each tick, and before each planned step."""
    end = midnight + timedelta(days=1)
    ticks = {midnight + TICK * n for n in range(1, 5)} | {step.at for step in plans if midnight <= step.at < end}
    return sorted({min(tick, until) for tick in ticks})


def _mistakes(story: Story) -> Iterator[Send]:
    """Yield what a test system posts under a customer that nobody created: it is refused, and kept with the reason."""
    for month, day in ((0, 21), (1, 15), (2, 9), (2, 28)):
        dice = Dice(story.seed, STRANGER_SLUG, month, day)
        at = local_midnight(story.day(month, day), story.zone) + timedelta(hours=10, seconds=dice.below(20_000))
        stranger = replace(story.customers[0], slug=STRANGER_SLUG)
        kinds = [dice.pick(("llm_tokens", "api_calls")) for _ in range(dice.between(2, 5))]
        events = [event_at(at, customer=stranger, kind=kind, days=0, dice=dice) for kind in kinds]
        yield _request(sorted(events, key=lambda event: event.sent_at), not_before=at)


def _requests(waiting: list[tuple[datetime, str, int, Sent]], cut: datetime, *, not_before: datetime) -> Iterator[Send]:
    """Yield what was sent before the cut as requests of at most BATCH events, received no earlier than the cut before."""
    batch: dict[str, Sent] = {}
    held = []
    while waiting and waiting[0][0] < cut:
        entry = heappop(waiting)
        event = entry[3]
        # An id that stands in the request already goes into the next one: within a request, other content would be an error.
        if event.event_id in batch:
            held.append(entry)
            continue
        batch[event.event_id] = event
        if len(batch) == BATCH:
            yield _request(batch.values(), not_before=not_before)
            batch = {}
    if batch:
        yield _request(batch.values(), not_before=not_before)
    for entry in held:
        heappush(waiting, entry)


def _request(batch: Iterable[Sent], *, not_before: datetime) -> Send:
    events = tuple(batch)
    return Send(max(events[-1].sent_at, not_before), events)
