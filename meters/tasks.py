"""Have a worker roll usage up, every few seconds."""

from celery import shared_task
from django.utils import timezone

from meters import rollup

# A turn ends after so many rounds, so that a worker with a long way to catch up can be told to stop; the next turn goes on.
ROUNDS = 100


@shared_task(name="meters.roll", ignore_result=True)
def roll() -> int:
    """Roll up what has been logged since the last turn; returns the number of events read."""
    return rollup.roll_all(now=timezone.now(), rounds=ROUNDS).event_count
