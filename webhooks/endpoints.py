"""Make, change and delete endpoints: the addresses that are told what happens."""

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from core.errors import DomainError
from webhooks.event_types import EventType
from webhooks.models import WebhookEndpoint

SECRET_PREFIX = "whsec_"  # noqa: S105 -- what every secret begins with, by the Standard Webhooks
SECRET_BYTES = 24
OWN_HEADERS = frozenset({"content-type", "content-length", "host", "user-agent", "connection", "transfer-encoding"})


class UrlNotAllowed(DomainError):
    """The address is no absolute http or https URL without a name and password."""

    code = "WEBHOOK_URL_NOT_ALLOWED"


class UnknownEventType(DomainError):
    """A filter names an event type that is never sent."""

    code = "WEBHOOK_EVENT_TYPE_UNKNOWN"


class HeaderNotAllowed(DomainError):
    """A header has a name or a value that cannot be sent, or one that we set ourselves."""

    code = "WEBHOOK_HEADER_NOT_ALLOWED"


@transaction.atomic
def create(
    *,
    url: str,
    now: datetime,
    description: str = "",
    filter_types: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    rate_limit: int | None = None,
    disabled: bool = False,
) -> WebhookEndpoint:
    """Add an endpoint with a secret of its own. filter_types: empty for everything. rate_limit: messages a second.

    Raises UrlNotAllowed, UnknownEventType, HeaderNotAllowed.
    """
    return WebhookEndpoint.objects.create(
        url=_checked_url(url),
        description=description,
        secret=SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode(),
        filter_types=_checked_types(filter_types),
        headers=_checked_headers(headers or {}),
        metadata=dict(metadata or {}),
        rate_limit=rate_limit or None,
        disabled_at=now if disabled else None,
        created_at=now,
        updated_at=now,
    )


@transaction.atomic
def update(*, endpoint: WebhookEndpoint, fields: Mapping[str, Any], now: datetime) -> WebhookEndpoint:
    """Change url, description, filter_types, headers, metadata, rate_limit or disabled. Raises as `create`.

    A disabled endpoint keeps what waits for it, and is sent it once it is enabled again.
    """
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    wanted = dict(fields)
    checks: dict[str, Callable[[Any], Any]] = {"url": _checked_url, "filter_types": _checked_types, "headers": _checked_headers}
    for name, check in checks.items():
        if name in wanted:
            wanted[name] = check(wanted[name])
    if "disabled" in wanted:
        wanted["disabled_at"] = (endpoint.disabled_at or now) if wanted.pop("disabled") else None
    for name, content in wanted.items():
        setattr(endpoint, name, content)
    endpoint.updated_at = now
    endpoint.save()
    return endpoint


@transaction.atomic
def delete(*, endpoint: WebhookEndpoint, now: datetime) -> None:
    """Tell the endpoint nothing any more and show it nowhere; its log of deliveries stays in the database."""
    WebhookEndpoint.objects.filter(pk=endpoint.pk, deleted_at=None).update(deleted_at=now, disabled_at=now, updated_at=now)


def _checked_url(url: str) -> str:
    wrong = f"`{url[:200]}` is no address that a message can be sent to: give an absolute https:// URL without a user name."
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port != 0
    except ValueError as error:
        raise UrlNotAllowed(wrong) from error
    is_plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= 500
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or not is_plain or not port_is_fine:
        raise UrlNotAllowed(wrong)
    return url


def _checked_types(types: Sequence[str]) -> list[str]:
    for each in types:
        if each not in EventType.values:
            raise UnknownEventType(f"`{each[:60]}` is never sent. The event types are {', '.join(EventType.values)}.")
    return sorted(set(types))


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    for name, text in headers.items():
        lowered = name.lower()
        if lowered in OWN_HEADERS or lowered.startswith("webhook-"):
            raise HeaderNotAllowed(f"The header {name[:60]} is ours to set. Leave it out.")
        is_name = name.isascii() and name.replace("-", "").replace("_", "").isalnum() and len(name) <= 100
        is_text = text.isascii() and text.isprintable() and len(text) <= 1000
        if not is_name or not is_text:
            raise HeaderNotAllowed(
                f"The header {name[:60]!r} cannot be sent: use letters, digits and hyphens, and printable ASCII."
            )
    return dict(headers)
