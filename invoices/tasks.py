"""Have beat bill what is due by the clock."""

import logging
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from access.actors import BEAT
from invoices import low_balance, review, verify
from invoices.run import run_billing

log = logging.getLogger(__name__)

# Nightly proofs reach back over everything that a late event can still fall into, and a little more.
PROVED_DAYS = 40


@shared_task(name="invoices.bill", ignore_result=True)
def bill() -> None:
    """Draft and issue what is due now, renew and settle credits."""
    run_billing(now=timezone.now(), actor=BEAT)


@shared_task(name="invoices.low_balance", ignore_result=True)
def check_low_balances() -> None:
    """Notice grants whose live balance fell to their threshold since the latest check."""
    low_balance.check(now=timezone.now())


@shared_task(name="invoices.estimate", ignore_result=True)
def estimate() -> None:
    """Look at the drafts whose latest look is the oldest: lists show their estimates, and what is odd about them."""
    review.look_again(now=timezone.now())


@shared_task(name="invoices.verify", ignore_result=True)
def verify_recent() -> None:
    """Prove the invoices of the last weeks from raw events, keep what came out, and tell the log what does not hold."""
    now = timezone.now()
    for proof in verify.verify_issued(since=now - timedelta(days=PROVED_DAYS), now=now):
        if not proof.holds:
            log.error("invoice %s does not hold: %s", proof.invoice.number, proof.findings)
