"""Say what the menu holds for one user: a link is shown exactly when its page would open."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from access import people
from access.rules import GROUPS, Role

ROLE_NAMES = {
    Role.OWNER: _("Owner"),
    Role.OPERATOR: _("Operator"),
    Role.FINANCE: _("Finance"),
    Role.VIEWER: _("Viewer"),
}


@dataclass(frozen=True)
class Entry:
    """One link of the menu. view: its URL name; section: the path below which it counts as current."""

    label: str | Promise
    icon: str
    view: str


@dataclass(frozen=True)
class Link:
    """An entry as shown to one user on one page."""

    label: str | Promise
    icon: str
    url: str
    current: str


MENU: tuple[tuple[str | Promise, tuple[Entry, ...]], ...] = (
    ("", (Entry(_("Overview"), "home", "dashboard:home"),)),
    (
        _("Usage"),
        (
            Entry(_("Meters"), "meter", "dashboard:meters"),
            Entry(_("Events"), "event", "dashboard:events"),
            Entry(_("Refused events"), "refused", "dashboard:refused"),
            Entry(_("Conflicts"), "conflict", "dashboard:conflicts"),
            Entry(_("Delivery"), "delivery", "dashboard:delivery"),
        ),
    ),
    (
        _("Customers"),
        (
            Entry(_("Customers"), "customer", "dashboard:customers"),
            Entry(_("Subscriptions"), "subscription", "dashboard:subscriptions"),
            Entry(_("Products"), "product", "dashboard:products"),
        ),
    ),
    (
        _("Billing"),
        (
            Entry(_("Invoices"), "invoice", "dashboard:invoices"),
            Entry(_("Review"), "search", "dashboard:review"),
            Entry(_("Receivables"), "credit", "dashboard:receivables"),
            Entry(_("Late usage"), "late", "dashboard:late_usage"),
            Entry(_("Verification"), "good", "dashboard:verifications"),
        ),
    ),
    (
        _("System"),
        (
            Entry(_("Jobs"), "job", "dashboard:jobs"),
            Entry(_("Webhooks"), "webhook", "dashboard:webhooks"),
            Entry(_("API keys"), "key", "dashboard:keys"),
            Entry(_("Admin"), "admin", "admin:index"),
        ),
    ),
)


def menu(user: Any, path: str) -> list[tuple[str | Promise, list[Link]]]:
    """List the groups of links that the user may open; a group without links is left out."""
    groups = []
    for title, entries in MENU:
        links = [_link(entry, path) for entry in entries if people.may(user, entry.view)]
        if links:
            groups.append((title, links))
    return groups


def _link(entry: Entry, path: str) -> Link:
    url = reverse(entry.view)
    here = path == url
    below = path.startswith(url.rstrip("/") + "/") and url != "/"
    return Link(label=entry.label, icon=entry.icon, url=url, current="page" if here else "true" if below else "")


def role_names(user: Any) -> str:
    """Name the user's roles, as the menu shows them."""
    return ", ".join(str(ROLE_NAMES[role]) for role in Role if role in people.roles_of(user) & GROUPS) or str(_("no role"))
