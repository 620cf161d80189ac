"""Give each state its word and its tone; every list, page and export names a state alike."""

from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Tone = Literal["good", "warn", "bad", "note", "accent", "quiet", "outline"]


@dataclass(frozen=True)
class Badge:
    """A word in a coloured pill; the word alone carries the meaning."""

    label: str | Promise
    tone: Tone


INVOICE = {
    "draft": Badge(_("Draft"), "outline"),
    "issued": Badge(_("Issued"), "note"),
    "paid": Badge(_("Paid"), "good"),
    "void": Badge(_("Void"), "quiet"),
}
OVERDUE = Badge(_("Overdue"), "bad")
SUBSCRIPTION = {
    "pending": Badge(_("Pending"), "outline"),
    "active": Badge(_("Active"), "good"),
    "paused": Badge(_("Paused"), "warn"),
    "on_hold": Badge(_("On hold"), "warn"),
    "cancelled": Badge(_("Cancelled"), "quiet"),
    "expired": Badge(_("Expired"), "quiet"),
    "failed": Badge(_("Failed"), "bad"),
}
JOB = {
    "queued": Badge(_("Queued"), "outline"),
    "running": Badge(_("Running"), "note"),
    "done": Badge(_("Done"), "good"),
    "failed": Badge(_("Failed"), "bad"),
    "cancelled": Badge(_("Cancelled"), "quiet"),
}
STATE = {
    "active": Badge(_("Active"), "good"),
    "archived": Badge(_("Archived"), "quiet"),
    "revoked": Badge(_("Revoked"), "quiet"),
    "low": Badge(_("Low"), "warn"),
    "voided": Badge(_("Voided"), "quiet"),
    "void": Badge(_("Void"), "bad"),
    "conflict": Badge(_("Conflict"), "warn"),
    "counted": Badge(_("Counted"), "good"),
    "excluded": Badge(_("Counted by no meter"), "warn"),
    "unmatched": Badge(_("No meter for this name"), "warn"),
    "refused": Badge(_("Refused"), "bad"),
    "open": Badge(_("Open"), "warn"),
    "replayed": Badge(_("Replayed"), "good"),
    "dismissed": Badge(_("Dismissed"), "quiet"),
    "corrected": Badge(_("Corrected"), "good"),
    "arrived": Badge(_("In the log"), "note"),
    "holds": Badge(_("Holds"), "good"),
    "does_not_hold": Badge(_("Does not hold"), "bad"),
    "silent": Badge(_("Silent"), "bad"),
    "enabled": Badge(_("Enabled"), "good"),
    "disabled": Badge(_("Disabled"), "quiet"),
    "waiting": Badge(_("Waiting"), "outline"),
    "delivered": Badge(_("Delivered"), "good"),
    "failed": Badge(_("Given up"), "bad"),
}


def of(table: dict[str, Badge], state: str) -> Badge:
    """Look a state up; one that the table does not know yet is shown by its own name."""
    return table.get(state) or Badge(state.replace("_", " ").capitalize(), "quiet")
