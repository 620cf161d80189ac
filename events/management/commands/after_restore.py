"""Go on after a dump was restored into another PostgreSQL cluster: manage.py after_restore."""

from typing import Any

from core.commands import DomainCommand
from events import epoch


class Command(DomainCommand):
    help = "Start the next epoch of the event log after a restore into another cluster; ingest and rolling wait until it has run."

    def handle(self, **_options: Any) -> None:
        started = epoch.start_next()
        if started is None:
            self.stdout.write("This is the cluster that it was; nothing to do.")
        else:
            self.stdout.write(f"Epoch {started} has begun. Ingest and rolling go on.")
