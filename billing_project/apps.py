"""Register the project's own commands, jobs and system checks with Django."""

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _

# Made before anybody asks for a task: a process that asks without one gets Celery's own app, which knows no broker, for good.
from billing_project.celery import app  # noqa: F401
from billing_project.checks import CHECKS
from jobs import kinds


class BillingProjectConfig(AppConfig):
    name = "billing_project"

    def ready(self) -> None:
        for check in CHECKS:
            checks.register(check)
        kinds.register(kinds.Kind("demo", _("Demonstration data"), "billing_project.demo.load.work"))
