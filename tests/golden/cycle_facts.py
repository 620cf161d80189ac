"""Turn the facts of a golden case of cycles into periods, and those into text."""

from core.periods import Interval, local_date, local_midnight
from products.cycles import Phase, cycle, first_phase
from tests.golden.cases import CaseUnreadable, instant, shown


def render(case):
    """Write the cycles that the case asks for, a line each. Raises CaseUnreadable."""
    zone, phases, ends_at, wanted = "UTC", [], None, None
    for fact in case.facts:
        match fact:
            case ("zone", name):
                zone = name
            case ("start", at, "every", count, unit):
                phases.append(first_phase(starts_at=instant(at), interval=Interval(unit, int(count)), zone=zone))
            case ("next", number, at):
                anchor = instant(at).date()
                phases.append(Phase(int(number), local_midnight(anchor, zone), anchor, phases[-1].interval))
            case ("end", at):
                ends_at = instant(at)
            case ("show", first, last):
                wanted = range(int(first), int(last) + 1)
            case _:
                raise CaseUnreadable(f"{case.title}: {' '.join(fact)!r} is no fact of cycles")
    for n in wanted:
        period = cycle(n, phases, zone, ends_at=ends_at)
        yield f"{n}: {shown(period.start)} to {shown(period.end)}, local {local_date(period.start, zone)}"
