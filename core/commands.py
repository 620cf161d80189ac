"""Let a management command end with a sentence where the domain refuses, as pages and the API do, rather than with a traceback."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError


class DomainCommand(BaseCommand):
    """A command whose refusals by the domain are errors of the command, which say how to mend it."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command. Raises CommandError."""
        try:
            return super().execute(*args, **options)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
