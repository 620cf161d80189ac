"""Register the invoices app with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from jobs import kinds


class InvoicesConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "invoices"
    verbose_name = _("Invoices")

    def ready(self) -> None:
        kinds.register(kinds.Kind("export_invoices", _("Export of invoices"), "invoices.export_job.work_export"))
        kinds.register(kinds.Kind("print_invoices", _("Printing of a month's invoices"), "invoices.export_job.work_print"))
        kinds.register(kinds.Kind("price_simulation", _("Simulation of a price"), "invoices.simulate.work"))
        kinds.register(kinds.Kind("issue_invoices", _("Issuing of chosen drafts"), "invoices.issuing.work"))
        kinds.register(kinds.Kind("verify_invoices", _("Verification of invoices"), "invoices.verifying.work"))
