"""Say which part of which cycle's fee is due at a billing point: in advance, after a pause, or given back. PURE.

# Note [Fees]
- In advance: point n has the fee of cycle n+1 as it was agreed when that cycle began. Neither a cancellation nor a new billing date
  that is decided later reduces it, or the same decision would cost less while a draft waits than just after; the end of the
  subscription period, known from the beginning, does.
- A cycle that begins paused has no fee in advance. What of it is not paused, from the first time on that it is resumed, is due at its end.
- Given back: what is left of a cycle that was paid in advance, where a change of product, or a cancellation that asks for it, cuts it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction

from msgspec import Struct

from core.money import ratio
from core.periods import Period
from products.cycles import Schedule


class FeePart(Struct, frozen=True):
    """A part of the fee of one cycle, of which `part` is due for `period`; below zero it is given back."""

    cycle: int
    period: Period
    part: Fraction


class Course(Struct, frozen=True):
    """All that decides when fees are due.

    expires_at: the end agreed from the beginning.  pauses: disjoint.  bill_from: what lies before was billed elsewhere.
    credits_fee_at_end: whether the cancellation gives back what is left of the last cycle's fee.
    """

    schedule: Schedule
    expires_at: datetime | None = None
    pauses: Sequence[Period] = ()
    bill_from: datetime | None = None
    credits_fee_at_end: bool = False

    def pause_at(self, instant: datetime) -> Period | None:
        """Give the pause that holds an instant."""
        return next((pause for pause in self.pauses if pause.contains(instant)), None)


def due(course: Course, point: int) -> tuple[FeePart, ...]:
    """Give the parts of fees that are due at a billing point, given back first. See Note [Fees]."""
    return (*_given_back(course, point), *_resumed(course, point), *_in_advance(course, point))


def _in_advance(course: Course, point: int) -> Iterator[FeePart]:
    n = point + 1
    if not course.schedule.has_cycle(n) or course.pause_at(course.schedule.cycle(n).start):
        return
    agreed = course.schedule.agreed(n, expires_at=course.expires_at)
    if agreed.has_cycle(n):
        yield FeePart(n, agreed.cycle(n), agreed.proration(n))


def _resumed(course: Course, point: int) -> Iterator[FeePart]:
    if point == 0:
        return
    cycle = course.schedule.cycle(point)
    if course.pause_at(cycle.start) is None:
        return
    paused = [part for pause in course.pauses if (part := pause.intersect(cycle))]
    cuts = cycle.cut(instant for part in paused for instant in (part.start, part.end))
    active = [part for part in cuts if not any(one.overlaps(part) for one in paused)]
    if active:
        # One part for all, so that it is rounded once and never comes to more than the whole fee.
        owed = sum((_of_whole(course, point, one) for one in active), Fraction(0))
        yield FeePart(point, Period(active[0].start, active[-1].end), min(Fraction(1), owed))


def _given_back(course: Course, point: int) -> Iterator[FeePart]:
    if point == 0 or not _cut_gives_back(course, point):
        return
    cycle = course.schedule.cycle(point)
    billed_elsewhere = course.bill_from is not None and cycle.start < course.bill_from
    if billed_elsewhere or course.pause_at(cycle.start):
        return
    paid = course.schedule.agreed(point, expires_at=course.expires_at).cycle(point)
    if paid.end > cycle.end:
        left = Period(cycle.end, paid.end)
        yield FeePart(point, left, -_of_whole(course, point, left))


def _cut_gives_back(course: Course, point: int) -> bool:
    following = next((phase for phase in course.schedule.phases if phase.first_cycle == point + 1), None)
    if course.schedule.has_cycle(point + 1):
        return following is not None and following.credits_fee
    return course.credits_fee_at_end


def _of_whole(course: Course, n: int, period: Period) -> Fraction:
    """Give how much of a whole cycle a part of cycle n is."""
    return ratio(period.microseconds, course.schedule.whole_cycle(n).microseconds)
