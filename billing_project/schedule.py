"""List what beat starts and how often; every task may run twice, late, or on two workers at once.

A task that could not start before its next turn is dropped (expires): a queue of stale rounds helps nobody.
"""

from typing import Any


def every(seconds: float, task: str) -> dict[str, Any]:
    """Give beat's entry for a task by name, in seconds."""
    return {"task": task, "schedule": seconds, "options": {"expires": seconds}}


SCHEDULE = {
    "blocks of days": every(60, "meters.add_up"),
    "jobs": every(10, "jobs.sweep"),
    "sessions": every(86_400, "access.clear_sessions"),
    "refused bodies": every(3600, "events.prune"),
    "webhooks": every(5, "webhooks.deliver"),
    "billing": every(60, "invoices.bill"),
    "low balances": every(60, "invoices.low_balance"),
    "proofs": every(86_400, "invoices.verify"),
    "estimates of drafts": every(300, "invoices.estimate"),
}
