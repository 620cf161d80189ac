"""Refuse to start misconfigured: each mistake is a system check with an id, a sentence and a hint.

Every management command and Celery worker runs them before its work, the web process when it starts.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.checks import CheckMessage, Error, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

from core.deployment import ZoneChanged, check_zone
from invoices import accounts, logo

PRIVATE_NAMES = (".localhost", ".local", ".internal", ".test", ".example")
SHORTEST_KEY = 50
FEWEST_CHARACTERS = 5


def development_is_private(**_: Any) -> list[CheckMessage]:
    """Cookies of a DEVELOPMENT server travel over plain HTTP."""
    public = [host for host in settings.ALLOWED_HOSTS if _is_public(host)]
    if not settings.DEVELOPMENT or not public:
        return []
    return [
        Error(
            f"DEVELOPMENT is on while ALLOWED_HOSTS names {', '.join(public)}: logins would cross the network unencrypted.",
            hint="Unset DEVELOPMENT and serve over HTTPS, or leave ALLOWED_HOSTS at its default.",
            id="tallybook.E001",
        )
    ]


def _is_public(host: str) -> bool:
    """Say whether a host may be reached from outside; a name without a dot is one of this machine or of a private network."""
    try:
        return not ip_address(host.strip("[]")).is_private
    except ValueError:
        return host == "*" or ("." in host and not host.endswith(PRIVATE_NAMES))


def secret_key_is_strong(**_: Any) -> list[CheckMessage]:
    """Whoever guesses the key forges sessions."""
    key = settings.SECRET_KEY
    if len(key) >= SHORTEST_KEY and len(set(key)) >= FEWEST_CHARACTERS and not key.startswith("django-insecure-"):
        return []
    return [
        Error(
            f"SECRET_KEY is weak: it needs at least {SHORTEST_KEY} random characters.",
            hint="Make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'",
            id="tallybook.E002",
        )
    ]


def billing_zone_is_known(**_: Any) -> list[CheckMessage]:
    try:
        ZoneInfo(settings.BILLING_TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return [
            Error(
                f"BILLING_TIME_ZONE is {settings.BILLING_TIME_ZONE}, which is no time zone.",
                hint="Use a name of the IANA database, such as Europe/Berlin or UTC.",
                id="tallybook.E003",
            )
        ]
    return []


def billing_zone_stands(**_: Any) -> list[CheckMessage]:
    """The zone cut the stored days and cycles. A database that is not there yet, or not migrated, has nothing to compare."""
    try:
        check_zone()
    except ZoneChanged as changed:
        return [Error(changed.message, hint="Billing cycles begin and end at that zone's midnights.", id="tallybook.E004")]
    except DatabaseError:
        return []
    return []


def logo_is_a_picture(**_: Any) -> list[CheckMessage]:
    if logo.is_readable():
        return []
    sentence = f"INVOICE_LOGO is {settings.INVOICE_LOGO}, which is no file that ends in {', '.join(logo.FORMATS)}."
    return [Error(sentence, hint="docs/settings.md", id="tallybook.E006")]


def accounts_are_known(**_: Any) -> list[CheckMessage]:
    return [Error(sentence, hint="docs/settings.md", id="tallybook.E007") for sentence in accounts.problems()]


CHECKS = (
    development_is_private,
    secret_key_is_strong,
    billing_zone_is_known,
    billing_zone_stands,
    logo_is_a_picture,
    accounts_are_known,
)


def refuse_misconfiguration() -> None:
    """Raise ImproperlyConfigured with every error's sentence and hint; for processes that Django does not check by itself.

    What it opened is closed again: the thread that asks at the start is not asked again, and a process may go on in forks of it.
    """
    try:
        problems: Sequence[CheckMessage] = [found for found in run_checks() if found.is_serious()]
    finally:
        connections.close_all()
    if problems:
        raise ImproperlyConfigured("\n".join(f"{found.msg} {found.hint or ''}".strip() for found in problems))
