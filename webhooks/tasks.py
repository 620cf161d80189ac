"""Have a worker send what waits in the outbox, every few seconds."""

import time

from celery import shared_task
from django.utils import timezone

from webhooks.deliver import deliver

MOST_SECONDS = 20
"""No turn begins later: one may take a minute where endpoints do not answer, and rolling and billing wait for the same workers."""
SECONDS_BETWEEN = 1


@shared_task(name="webhooks.deliver", ignore_result=True)
def send() -> int:
    """Send what is due, turn by turn, until nothing is or it is another task's time."""
    sent, began = 0, time.monotonic()
    while made := deliver(now=timezone.now()):
        sent += made
        time.sleep(SECONDS_BETWEEN)  # an endpoint's rate limit counts messages a second
        if time.monotonic() - began > MOST_SECONDS:
            break
    return sent
