"""Register the meters app with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from jobs import kinds


class MetersConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "meters"
    verbose_name = _("Meters")

    def ready(self) -> None:
        kinds.register(kinds.Kind("void_events", _("Voiding of many events"), "meters.bulk_void.work_void"))
        kinds.register(kinds.Kind("unvoid_events", _("Taking back of many voids"), "meters.bulk_void.work_unvoid"))
        kinds.register(kinds.Kind("meter_dry_run", _("Dry run of a meter"), "meters.dry_run.work"))
