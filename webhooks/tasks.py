"""Have a worker send what waits in the outbox, every few seconds."""

import time

from celery import shared_task
from django.utils import timezone

from webhooks.deliver import deliver

TURNS = 20
SECONDS_BETWEEN = 1


@shared_task(name="webhooks.deliver", ignore_result=True)
def send() -> int:
    """Send what is due, turn by turn, until nothing is or it is another task's time."""
    sent = 0
    for turn in range(TURNS):
        if turn:
            time.sleep(SECONDS_BETWEEN)  # an endpoint's rate limit counts messages a second
        made = deliver(now=timezone.now())
        sent += made
        if not made:
            break
    return sent
