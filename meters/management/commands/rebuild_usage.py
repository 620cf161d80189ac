"""Count meters again from the log's beginning: manage.py rebuild_usage mtr_… | --all."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from core.commands import DomainCommand
from meters import rollup
from meters.models import Meter


class Command(DomainCommand):
    help = "Forget what was rolled up for meters and count it again from raw events. Usage and invoices stay exact meanwhile, only slower."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("meters", nargs="*", metavar="METER", help="Public ids of meters.")
        parser.add_argument("--all", action="store_true", help="Every meter.")

    def handle(self, *, meters: list[str], all: bool, **_options: Any) -> None:
        chosen = list(Meter.objects.order_by("id") if all else Meter.objects.filter(public_id__in=meters).order_by("id"))
        if missing := set(meters) - {meter.public_id for meter in chosen}:
            raise CommandError(f"No meter has the id {', '.join(sorted(missing))}.")
        if not chosen and not all:
            raise CommandError("Name meters by their ids, or say --all.")
        for meter in chosen:
            rollup.rebuild(meter=meter)
        report = rollup.roll_all(now=timezone.now())
        self.stdout.write(f"{len(chosen)} meters counted again from {report.event_count} events.")
