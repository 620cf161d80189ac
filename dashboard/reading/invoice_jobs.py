"""Say in words what a job about many invoices was asked for, and what it came to."""

from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from invoices.listing import DraftFilter
from jobs.models import Job


def verification_facts(job: Job) -> list[tuple[str, Any]]:
    """Give what a page lists of a verification, beside its progress."""
    month = job.parameters.get("month")
    asked = date_format(date.fromisoformat(month), "F Y") if month else _("all invoices")
    labels = {"verified": _("Verified"), "failed": _("Do not hold")}
    return [(_("Issued in"), asked), *((labels.get(name, name), number) for name, number in job.outcome.items())]


def issue_facts(job: Job) -> list[tuple[str, Any]]:
    """Give what a page lists of the issuing of chosen drafts, beside its progress."""
    labels = {"issued": _("Issued"), "not_issued": _("Not issued")}
    return [*_asked(job), *((labels.get(name, name), number) for name, number in job.outcome.items())]


def _asked(job: Job) -> list[tuple[str, Any]]:
    if "invoice_ids" in job.parameters:
        return [(_("Chosen drafts"), len(job.parameters["invoice_ids"]))]
    filters = job.parameters["filters"]
    return [(_("Drafts"), _("all that the list found")), *(_filter(name, text) for name, text in filters.items())]


def _filter(name: str, text: str) -> tuple[str, str]:
    """Say a filter of the list of drafts as its control says it."""
    one = DraftFilter.base_filters[name]
    choices = dict(one.extra.get("choices", ()))
    return str(one.label), str(choices.get(text, text))
