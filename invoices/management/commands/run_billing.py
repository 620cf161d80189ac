"""Bill everything that is due at a given time."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from access.actors import COMMAND
from core.commands import DomainCommand
from invoices.run import run_billing


class Command(DomainCommand):
    help = (
        "Draft every billing point that has come and issue the drafts whose grace is over. Running it twice issues nothing new."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--now", metavar="TIME", help="ISO 8601, UTC where it names no zone; the clock's time if left out")
        parser.add_argument("--ahead", action="store_true", help="allow a TIME ahead of the database's clock")

        parser.add_argument(
            "--processes", metavar="N", type=int, default=3, help="how many processes issue side by side, to the same numbers (3)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = instant(options["now"]) if options["now"] else timezone.now()
        report = run_billing(now=now, ahead=options["ahead"], actor=COMMAND, processes=options["processes"])
        self.stdout.write(
            f"As of {now.isoformat()}: {report.drafted_count} drafted, {report.issued_count} issued, "
            f"{report.held_count} held, {report.settled_count} credit periods settled."
        )


def instant(text: str) -> datetime:
    """Read a time. Raises CommandError."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as problem:
        raise CommandError(f"{text!r} is not a time such as 2026-12-01T02:00:00Z.") from problem
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
