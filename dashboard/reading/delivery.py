"""Read what each key delivered for pages: by key, and of one key over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access.models import ApiKey
from core.periods import Period
from core.text import gettext_noop
from dashboard import charts
from dashboard.charts import Series, Window
from events import deliveries
from events.deliveries import Delivered
from events.silence import HOUR, Silence

DEFAULT = "7d"
SPANS: Mapping[str, tuple[timedelta, str]] = {
    "24h": (timedelta(hours=24), gettext_noop("24 hours")),
    "7d": (timedelta(days=7), gettext_noop("7 days")),
    "30d": (timedelta(days=30), gettext_noop("30 days")),
    "90d": (timedelta(days=90), gettext_noop("90 days")),
}
HOURLY = timedelta(days=7)  # a longer span is shown by days of the billing zone


@dataclass(frozen=True)
class Span:
    """The hours that are shown, the running one included. window: how they are gathered for one key."""

    key: str
    period: Period
    window: Window


@dataclass(frozen=True)
class KeyDelivery:
    """What one key delivered in the span; silence: where it has gone silent."""

    key: ApiKey
    delivered: Delivered
    silence: Silence | None


def span(key: str, *, now: datetime) -> Span:
    """Give the hours of a choice; an unknown one is the default."""
    key = key if key in SPANS else DEFAULT
    length, _label = SPANS[key]
    end = now.replace(minute=0, second=0, microsecond=0) + HOUR
    return Span(key, Period(end - length, end), "hour" if length <= HOURLY else "day")


def by_key(chosen: Span, *, now: datetime) -> list[KeyDelivery]:
    """List the keys that may ingest or did, silent ones first, then those that delivered most; five queries."""
    found = deliveries.by_key(start=chosen.period.start, end=chosen.period.end)
    silent = {key.pk: silence for key, silence in deliveries.silent_keys(now=now)}
    keys = ApiKey.objects.in_bulk({*found, *silent})
    rows = [KeyDelivery(keys[pk], found.get(pk, Delivered()), silent.get(pk)) for pk in keys]
    return sorted(rows, key=lambda row: (row.silence is None, -row.delivered.sent_count, row.key.pk))


def of_key(key: ApiKey, chosen: Span) -> list[tuple[datetime, Delivered]]:
    """List the hours or days of one key with something in them, ascending."""
    start, end = chosen.period.start, chosen.period.end
    if chosen.window == "hour":
        found = deliveries.by_hour(start=start, end=end, key_id=key.pk)
    else:
        found = deliveries.by_day(start=start, end=end, key_id=key.pk, zone=ZoneInfo(settings.BILLING_TIME_ZONE))
    return [(at, delivered) for (_key_id, at), delivered in found.items()]


def chart(rows: Sequence[tuple[datetime, Delivered]]) -> list[Series]:
    """Give one series for each thing that became of events; one that never happened is left out, but for accepted."""
    zone = ZoneInfo(settings.BILLING_TIME_ZONE)
    counts = {
        _("Accepted"): [one.accepted for _at, one in rows],
        _("Duplicate"): [one.duplicate for _at, one in rows],
        _("Conflict"): [one.conflict for _at, one in rows],
        _("Refused"): [one.refused_count for _at, one in rows],
    }
    starts = [at.astimezone(zone) for at, _one in rows]
    return [
        charts.Series(name, [(at, Decimal(number)) for at, number in zip(starts, numbers, strict=True)])
        for name, numbers in counts.items()
        if any(numbers) or name == _("Accepted")
    ]


def silence_words(key: ApiKey, silence: Silence) -> str:
    """Say that a key has gone silent, and what is usual for it."""
    hours = silence.quiet_hours
    text = ngettext("%(key)s has sent nothing for %(n)s hour", "%(key)s has sent nothing for %(n)s hours", hours)
    usual = silence.longest_pause_hours
    if not usual:
        return _("%(text)s; in the week before it sent every hour") % {"text": text % {"key": key.name, "n": hours}}
    pause = ngettext(
        "%(text)s; in the week before it never paused for more than %(n)s hour",
        "%(text)s; in the week before it never paused for more than %(n)s hours",
        usual,
    )
    return pause % {"text": text % {"key": key.name, "n": hours}, "n": usual}
