"""Say in words what a job that voids many events was asked for, and what it came to."""

from typing import Any

from django.utils.translation import gettext as _

from core import exact_json
from customers.models import Customer
from dashboard import wording
from jobs.models import Job
from meters import filters
from meters.models import Meter


def facts(job: Job) -> list[tuple[str, Any]]:
    """Give what a page lists of the job, beside its progress."""
    asked = job.parameters
    found = [(_("Reason"), asked["reason"]), *_selection(asked)]
    if "job" in asked:
        found.append((_("Takes back"), asked["job"]))
    labels = {
        "voided": _("Voided"),
        "void_before": _("Void before"),
        "counted_again": _("Counted again"),
        "taken_back_before": _("Left as they were"),
    }
    return [*found, *((labels.get(name, name), number) for name, number in job.outcome.items())]


def _selection(asked: dict[str, Any]) -> list[tuple[str, Any]]:
    meter = Meter.objects.filter(public_id=asked.get("meter_id")).first()
    customer = Customer.objects.filter(public_id=asked.get("customer_id")).first()
    tree = filters.parse(exact_json.loads(asked["filter"])) if "filter" in asked else None
    ids = asked.get("event_ids", [])
    facts = [
        (_("Meter"), meter and meter.name),
        (_("Event name"), asked.get("event_name")),
        (_("Customer"), customer and customer.name),
        (_("From"), asked.get("start")),
        (_("Until"), asked.get("end")),
        (_("Where"), tree and wording.condition(tree)),
        (_("Event ids"), ", ".join([*ids[:10], "…"] if len(ids) > 10 else ids)),
    ]
    return [(label, text) for label, text in facts if text]
