"""Turn the facts of a golden case of cycles into periods or fees, and those into text."""

from dataclasses import dataclass, field
from datetime import datetime

from core.periods import Interval, Period, local_date, local_midnight
from products.cycles import Phase, Schedule, cycle, first_phase
from products.fees import Course, due
from tests.golden.cases import CaseUnreadable, instant, shown


@dataclass
class Facts:
    """What the lines of a case said."""

    zone: str = "UTC"
    phases: list[Phase] = field(default_factory=list)
    pauses: list[Period] = field(default_factory=list)
    ends_at: datetime | None = None
    expires_at: datetime | None = None
    prorate: bool = False
    show: range = range(0)
    fees: range = range(0)


def render(case):
    """Write the cycles or the fees that the case asks for, a line each. Raises CaseUnreadable."""
    facts = Facts()
    for fact in case.facts:
        _read(facts, fact, case.title)
    for n in facts.show:
        period = cycle(n, facts.phases, facts.zone, ends_at=facts.ends_at)
        yield f"{n}: {shown(period.start)} to {shown(period.end)}, local {local_date(period.start, facts.zone)}"
    course = Course(
        Schedule(tuple(facts.phases), facts.zone, facts.ends_at),
        expires_at=facts.expires_at,
        pauses=facts.pauses,
        credits_fee_at_end=facts.prorate,
    )
    for point in facts.fees:
        for one in due(course, point):
            yield f"{point}: cycle {one.cycle}, {shown(one.period.start)} to {shown(one.period.end)}, part {one.part}"


def _read(facts, fact, title):
    match fact:
        case ("zone", name):
            facts.zone = name
        case ("start", at, "every", count, unit):
            facts.phases.append(first_phase(starts_at=instant(at), interval=Interval(unit, int(count)), zone=facts.zone))
        case ("next", number, at):
            anchor = instant(at).date()
            midnight = local_midnight(anchor, facts.zone)
            made_at = facts.phases[-1].starts_at.replace(minute=1)
            facts.phases.append(Phase(int(number), midnight, anchor, facts.phases[-1].interval, made_at=made_at))
        case ("continue" | "anew" as verb, number, at):
            facts.phases.append(_changed(facts, int(number), instant(at), goes_on=verb == "continue"))
        case ("pause", start, end):
            facts.pauses.append(Period(instant(start), instant(end)))
        case ("end", at, *asked) if asked in ([], ["prorate"]):
            facts.ends_at, facts.prorate = instant(at), bool(asked)
        case ("expires", at):
            facts.ends_at = facts.expires_at = instant(at)
        case ("show", first, last):
            facts.show = range(int(first), int(last) + 1)
        case ("fees", first, last):
            facts.fees = range(int(first), int(last) + 1)
        case _:
            raise CaseUnreadable(f"{title}: {' '.join(fact)!r} is no fact of cycles")


def _changed(facts, number, at, *, goes_on):
    former = facts.phases[-1]
    began = former.continues_from or cycle(number - 1, facts.phases, facts.zone).start
    return Phase(
        number,
        at,
        former.anchor_date if goes_on else local_date(at, facts.zone),
        former.interval,
        continues_from=began if goes_on else None,
        made_at=at,
        credits_fee=True,
        begins_anew=not goes_on,
    )
