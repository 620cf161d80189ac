"""Tell a key that has gone silent from one that is merely quiet. PURE.

# Note [Silent]
A key is silent when it sent something in more than half of the hours of a week, the week that ended with its latest sending, and has
sent nothing since for at least three whole hours and for more than twice the longest pause of that week. So a server that sends day and
night is missed after three hours, one that rests ten hours every night after twenty, and one that sends now and then never. Thirty days
after its latest sending a key counts as given up.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
WEEK_HOURS = 168
LEAST_SILENT_HOURS = 3
TIMES_LONGEST_PAUSE = 2
GIVEN_UP_AFTER = timedelta(days=30)


@dataclass(frozen=True)
class Silence:
    """since: the end of the latest hour with something in it.  quiet_hours: whole ones since.  longest_pause_hours: of the week before."""

    since: datetime
    quiet_hours: int
    longest_pause_hours: int


def silence(active_hours: Collection[datetime], *, now: datetime) -> Silence | None:
    """Say how long a key has been silent; None where it is not. active_hours: the beginnings of hours in which it sent something."""
    if not active_hours:
        return None
    latest = max(active_hours)
    week = sorted(hour for hour in set(active_hours) if hour > latest - WEEK)
    since = latest + HOUR
    quiet = (now - since) // HOUR
    longest = max(((later - earlier) // HOUR - 1 for earlier, later in pairwise(week)), default=0)
    is_regular = 2 * len(week) > WEEK_HOURS
    is_missed = quiet >= LEAST_SILENT_HOURS and quiet > TIMES_LONGEST_PAUSE * longest
    if not is_regular or not is_missed or now - since > GIVEN_UP_AFTER:
        return None
    return Silence(since, quiet, longest)
