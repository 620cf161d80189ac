"""Have beat bill what is due by the clock."""

from celery import shared_task
from django.utils import timezone

from access.actors import BEAT
from invoices import preview
from invoices.run import run_billing


@shared_task(name="invoices.bill", ignore_result=True)
def bill() -> None:
    """Draft and issue what is due now, renew and settle credits."""
    run_billing(now=timezone.now(), actor=BEAT)


@shared_task(name="invoices.estimate", ignore_result=True)
def estimate() -> None:
    """Refresh the estimates that lists show for drafts."""
    preview.refresh_estimates(now=timezone.now())
