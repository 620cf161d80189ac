"""Have beat keep what is stored of refused requests within its bounds."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from events import prune

MEGABYTE = 1_000_000


@shared_task(name="events.prune", ignore_result=True)
def prune_bodies() -> int:
    """Prune the bodies of refused requests; returns how many."""
    return prune.prune(
        max_age=timedelta(days=settings.REFUSED_BODY_DAYS),
        most_bytes=settings.REFUSED_BODY_MEGABYTES * MEGABYTE,
        now=timezone.now(),
    )
