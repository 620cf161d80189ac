"""Change the zone whose midnights begin and end billing days: manage.py change_billing_zone Europe/Berlin."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from core.commands import DomainCommand
from meters import rollup
from meters.zone import adopt


class Command(DomainCommand):
    help = "Make BILLING_TIME_ZONE, already set to the new zone, the stored one, and count usage again by its days."
    # The check that the zone stands would refuse the very command that changes it.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("zone", help="The new zone, as BILLING_TIME_ZONE names it.")

    def handle(self, *, zone: str, **_options: Any) -> None:
        if zone != settings.BILLING_TIME_ZONE:
            raise CommandError(
                f"BILLING_TIME_ZONE is {settings.BILLING_TIME_ZONE}. Stop all processes, set it to {zone}, and run this again."
            )
        now = timezone.now()
        if not adopt(now=now):
            self.stdout.write(f"{zone} is the billing zone already; nothing to do.")
            return
        report = rollup.roll_all(now=now)
        self.stdout.write(
            f"{zone} is the billing zone now; {report.event_count} events counted again. Running cycles keep their ends."
        )
