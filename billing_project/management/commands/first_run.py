"""Prepare the database and the static files for `make run`: manage.py first_run."""

from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing_project import first_run
from core import database

ANSWER_SECONDS = 10


class Command(BaseCommand):
    help = "Migrate, collect static files when they changed, and create the first operator and API key in an empty database."

    def handle(self, **_options: Any) -> None:
        self._reach_database()
        call_command("migrate", interactive=False, verbosity=0)
        self._collect_static()
        made = first_run.create_operator(
            credentials=settings.VAR_DIR / "demo-credentials.json",
            url=f"http://127.0.0.1:{settings.PORT}",
            now=timezone.now(),
        )
        if made:
            self.stdout.write(f"Created the user {first_run.USERNAME} and an API key")

    def _reach_database(self) -> None:
        """Say why the database cannot be reached: Django's pool only says that it has no connection. Raises CommandError."""
        try:
            database.connect(database.parameters(application="first run"), patience=ANSWER_SECONDS).close()
        except psycopg.OperationalError as error:
            raise CommandError(f"The database of DATABASE_URL cannot be reached: {str(error).strip()}") from error

    def _collect_static(self) -> None:
        mark = settings.VAR_DIR / "static-fingerprint"
        fingerprint = first_run.static_files_fingerprint()
        if settings.STATIC_ROOT.exists() and mark.exists() and mark.read_text() == fingerprint:
            return
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        mark.write_text(fingerprint)
