"""Prove issued invoices from raw events."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from core.commands import DomainCommand
from invoices import verify
from invoices.management.commands.run_billing import instant


class Command(DomainCommand):
    help = "Compute issued invoices once more from raw events and compare. Ends with an error when one does not hold."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="numbers or ids of invoices; all of them if left out")
        parser.add_argument("--since", metavar="TIME", help="only those issued at that time or later (ISO 8601)")

    def handle(self, *args: Any, **options: Any) -> None:
        since = instant(options["since"]) if options["since"] else None
        verified = failed = 0
        for proof in verify.verify_issued(since=since, references=options["numbers"], now=timezone.now()):
            verified += 1
            failed += not proof.holds
            self._tell(proof)
        self.stdout.write(f"{verified} verified, {failed} do not hold.")
        if failed:
            raise CommandError("At least one invoice does not hold.")

    def _tell(self, proof: verify.Proof) -> None:
        for finding in proof.findings:
            self.stdout.write(
                f"{proof.invoice.number} {finding.line_id} {finding.figure}: "
                f"stored {finding.stored}, raw events say {finding.recomputed}"
            )
        for change in proof.since_then:
            corrected = ", ".join(change.adjusted_by) or "not corrected yet"
            self.stdout.write(
                f"{proof.invoice.number} {change.line_id} since then: {change.quantity_then} is {change.quantity_now} now ({corrected})"
            )
