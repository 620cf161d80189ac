"""Have a worker roll usage up, every few seconds, and add up the days of the past."""

from celery import shared_task
from django.utils import timezone

from meters import blocks, rollup

# A turn ends after so many rounds, so that a worker with a long way to catch up can be told to stop; the next turn goes on.
ROUNDS = 100


@shared_task(name="meters.roll", ignore_result=True)
def roll() -> int:
    """Roll up what has been logged since the last turn; returns the number of events read."""
    return rollup.roll_all(now=timezone.now(), rounds=ROUNDS).event_count


@shared_task(name="meters.add_up", ignore_result=True)
def add_up() -> int:
    """Add up the days of blocks in which nothing changes any more; returns how many blocks."""
    return blocks.add_up(now=timezone.now())
