"""Clear away what signing in leaves behind."""

from importlib import import_module

from celery import shared_task
from django.conf import settings


@shared_task(name="access.clear_sessions", ignore_result=True)
def clear_sessions() -> None:
    """Delete sessions that have ended; nothing else would, and the table would grow for ever."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
