"""List what happened lately in the deployment: billing, jobs, new customers, keys. Each source is read by its newest rows only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.models import ApiKey
from customers.models import Customer
from dashboard import wording
from invoices.models import InvoiceEvent, InvoiceKind, InvoiceStatus
from jobs.models import Job, JobStatus

SHOWN = 7
NEWEST_STEPS = 500
TOGETHER = timedelta(hours=6)


@dataclass(frozen=True)
class Happening:
    """One thing that happened, with where to see it."""

    at: datetime
    icon: str
    text: str
    url: str


def latest() -> list[Happening]:
    """Give the latest happenings, the newest first. Four queries, whatever the size of the deployment."""
    found = [*_billing(), *_jobs(), *_customers(), *_keys()]
    return sorted(found, key=lambda one: (one.at, one.text), reverse=True)[:SHOWN]


def _billing() -> Iterator[Happening]:
    """Gather the changes of invoices' states that follow one another closely: a billing run is one happening."""
    # A credit note comes with the void, which is told.
    steps = (
        InvoiceEvent.objects.exclude(invoice__kind=InvoiceKind.CREDIT_NOTE)
        .order_by("-id")
        .values_list("to_status", "created_at")[:NEWEST_STEPS]
    )
    for status, of_status in groupby(sorted(steps, key=lambda step: (step[0], step[1])), key=lambda step: step[0]):
        gathered: list[datetime] = []
        for _status, at in of_status:
            if gathered and at - gathered[-1] > TOGETHER:
                yield _billed(status, gathered)
                gathered = []
            gathered.append(at)
        yield _billed(status, gathered)


def _billed(status: str, instants: list[datetime]) -> Happening:
    number = len(instants)
    words = {
        InvoiceStatus.DRAFT: ngettext("%(n)s invoice drafted", "%(n)s invoices drafted", number),
        InvoiceStatus.ISSUED: ngettext("%(n)s invoice issued", "%(n)s invoices issued", number),
        InvoiceStatus.PAID: ngettext("%(n)s invoice paid", "%(n)s invoices paid", number),
        InvoiceStatus.VOID: ngettext("%(n)s invoice voided", "%(n)s invoices voided", number),
    }
    text = words[InvoiceStatus(status)] % {"n": number}
    return Happening(instants[-1], "invoice", text, f"{reverse('dashboard:invoices')}?status={status}")


def _jobs() -> Iterator[Happening]:
    finished = Job.objects.filter(finished_at__isnull=False).order_by("-id")[:SHOWN]
    for job in finished:
        ended = _("failed") if job.status == JobStatus.FAILED else _("finished")
        text = _("%(job)s %(ended)s") % {"job": wording.job(job), "ended": ended}
        yield Happening(job.finished_at or job.created_at, "job", text, reverse("dashboard:job", args=[job.public_id]))


def _customers() -> Iterator[Happening]:
    for one in Customer.objects.order_by("-created_at", "id")[:SHOWN]:
        text = _("%(name)s became a customer") % {"name": one.name}
        yield Happening(one.created_at, "customer", text, reverse("dashboard:customer", args=[one.public_id]))


def _keys() -> Iterator[Happening]:
    for one in ApiKey.objects.order_by("-id")[:SHOWN]:
        yield Happening(one.created_at, "key", _("Key %(name)s made") % {"name": one.name}, reverse("dashboard:keys"))
        if one.revoked_at:
            yield Happening(one.revoked_at, "key", _("Key %(name)s revoked") % {"name": one.name}, reverse("dashboard:keys"))
