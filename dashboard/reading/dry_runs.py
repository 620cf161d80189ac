"""Say of a dry run of a meter what was compared, and where the result is."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from dashboard import wording
from jobs.models import Job
from meters import dry_run


def facts(job: Job) -> list[tuple[str, Any]]:
    """Name both definitions and link to the page of the differences."""
    asked = dry_run.asked(job.parameters)
    address = reverse("dashboard:dry_run", args=[job.parameters["meter"], job.public_id])
    return [
        (_("Now"), wording.of_definition(asked.old)),
        (_("Tried"), wording.of_definition(asked.new)),
        (_("Result"), format_html('<a href="{}">{}</a>', address, _("Show the differences"))),
    ]
