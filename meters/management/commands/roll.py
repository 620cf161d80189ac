"""Roll usage up now: manage.py roll."""

from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from core.commands import DomainCommand
from meters import rollup


class Command(DomainCommand):
    help = "Roll up all usage that has been logged, as beat does every ROLL_SECONDS. Safe at any time, also several at once."

    def handle(self, **_options: Any) -> None:
        report = rollup.roll_all(now=timezone.now())
        self.stdout.write(f"{report.event_count} events read.")
        if report.failed:
            raise CommandError(
                f"These meters failed and wait: {', '.join(report.failed)}. The reason stands with their roll position."
            )
