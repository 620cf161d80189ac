"""Load the demonstration data, or keep posting events: manage.py demo [--live]."""

import logging
import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing_project.demo import begin, live
from jobs import run
from jobs.models import Job, JobStatus

LOOK_SECONDS = 1


class Command(BaseCommand):
    help = (
        "Load a believable company with about 40 customers, 200,000 events and their invoices. Run again it goes on where it was "
        "stopped, or does nothing. With --live it posts events to the running product instead."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--live", action="store_true", help="keep posting events through the HTTP API")
        parser.add_argument("--rate", type=int, default=20, help="events a second with --live (default 20)")
        parser.add_argument(
            "--credentials",
            type=Path,
            default=settings.VAR_DIR / "demo-credentials.json",
            help="a JSON file with url and api_key, for --live (default: the one that `make run` wrote)",
        )
        parser.add_argument("--seconds", type=int, help="end --live after so many seconds (default: with Ctrl-C)")

    def handle(self, **options: Any) -> None:
        try:
            if options["live"]:
                self._live(options)
            else:
                self._load()
        except KeyboardInterrupt:
            sys.exit(130)

    def _load(self) -> None:
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        _show_progress(self.stdout)
        started = time.monotonic()
        job = begin.begin(now=timezone.now())
        if job.status == JobStatus.DONE:
            self.stdout.write("The demonstration data are there already.")
            return
        while (status := run.take_and_work(job_id=job.id, now=timezone.now())) is None:
            if self._ended_elsewhere(job):
                return
            if run.stopping.wait(LOOK_SECONDS):
                sys.exit(130)
        if run.stopping.is_set() and status == JobStatus.QUEUED:
            sys.exit(130)
        job.refresh_from_db()
        if status != JobStatus.DONE:
            raise CommandError(job.error_message or "The load was cancelled; run the command again to go on.")
        self.stdout.write(f"Loaded in {time.monotonic() - started:.0f} seconds: {_told(job)}.")

    def _ended_elsewhere(self, job: Job) -> bool:
        """Wait for another process's load, or for the sign that it died: a minute of silence."""
        job.refresh_from_db()
        if job.status == JobStatus.DONE:
            self.stdout.write(f"Another process has loaded {_told(job)}.")
            return True
        done = f"{job.progress_done} of {job.progress_total} days" if job.progress_total else "at its start"
        self.stdout.write(f"Another process is, or was, loading ({done}); going on if it stays silent for a minute.")
        return False

    def _live(self, options: dict[str, Any]) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if options["rate"] < 1:
            raise CommandError("--rate must be 1 or more.")
        credentials = live.read_credentials(options["credentials"])
        live.post_events(credentials, rate=options["rate"], seconds=options["seconds"], say=self.stdout.write)


def _stop(number: int, frame: FrameType | None) -> None:
    """Let go of the job after its present step; asked once more, break off."""
    if run.stopping.is_set():
        raise KeyboardInterrupt
    run.stopping.set()


def _told(job: Job) -> str:
    counts = job.outcome["events"]
    return ", ".join(f"{counts.get(name, 0):,} {name}" for name in ("ingested", "duplicate", "conflict", "refused"))


def _show_progress(stream: Any) -> None:
    """Print what the load reports, whatever LOG_LEVEL says about the rest."""
    logger = logging.getLogger("billing_project.demo")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("  %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
