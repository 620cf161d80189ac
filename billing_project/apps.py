"""Register the project's own commands and jobs with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from jobs import kinds


class BillingProjectConfig(AppConfig):
    name = "billing_project"

    def ready(self) -> None:
        kinds.register(kinds.Kind("demo", _("Demonstration data"), "billing_project.demo.load.work"))
