"""Register the events app with Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from jobs import kinds


class EventsConfig(AppConfig):
    default_auto_field = "django.db.models.BigAutoField"
    name = "events"
    verbose_name = _("Events")

    def ready(self) -> None:
        kinds.register(kinds.Kind("replay_refused", _("Replay of refused events"), "events.replaying.work"))
