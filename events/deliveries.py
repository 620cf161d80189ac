"""Read what each key delivered by the hour, and which keys have gone silent; written by delivery.py and refusals.py."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F, Max, QuerySet, Sum
from django.db.models.functions import TruncDay

from access.models import ApiKey
from core.errors import DomainError
from events.models import DeliveryHour, DeliveryRefusal
from events.silence import GIVEN_UP_AFTER, HOUR, LEAST_SILENT_HOURS, WEEK, Silence, silence

MOST_ROWS = 10_000
DAY = timedelta(days=1)


class DeliveryRangeTooLarge(DomainError):
    """More hours than one answer may hold."""

    code = "RANGE_TOO_LARGE"

    def __init__(self) -> None:
        super().__init__(
            f"This range has more than {MOST_ROWS} hours of keys. Ask for a shorter one, or for one `api_key_id`.", field="start"
        )


@dataclass
class Delivered:
    """What became of events: of one key in one hour, say. refused: how many by code; good ones refused with others have their own."""

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    latest_success_at: datetime | None = None

    @property
    def refused_count(self) -> int:
        return sum(self.refused.values())

    @property
    def sent_count(self) -> int:
        return self.accepted + self.duplicate + self.conflict + self.refused_count

    @property
    def success_rate(self) -> Decimal | None:
        """The share that is accepted or a duplicate, cut to four decimals, so that 1 means all; None where nothing was sent."""
        if not self.sent_count:
            return None
        return Decimal((self.accepted + self.duplicate) * 10_000 // self.sent_count).scaleb(-4)


Place = tuple[int, datetime]  # the key's internal id, and the beginning of an hour or a day


def by_hour(*, start: datetime, end: datetime, key_id: int | None = None) -> dict[Place, Delivered]:
    """Give what the keys delivered in each hour that begins in [start, end), ascending. Raises DeliveryRangeTooLarge."""
    hours, refusals = (rows[: MOST_ROWS + 1] for rows in _by_hour(_within(start, end, key_id)))
    read, read_refusals = list(hours), list(refusals)
    if max(len(read), len(read_refusals)) > MOST_ROWS:
        raise DeliveryRangeTooLarge
    return _joined(read, read_refusals)


def each_hour(*, start: datetime, end: datetime, key_id: int | None = None) -> Iterator[tuple[Place, Delivered]]:
    """Yield the same hours as by_hour, however many they are: those of one day at a time are in memory."""
    while start < end:
        upto = min(start + DAY, end)
        yield from _joined(*_by_hour(_within(start, upto, key_id))).items()
        start = upto


def by_day(*, start: datetime, end: datetime, key_id: int, zone: Any) -> dict[Place, Delivered]:
    """Add up by the days of a zone what a key delivered in the hours that begin in [start, end)."""
    within = _within(start, end, key_id)
    day = TruncDay("hour", tzinfo=zone)
    hours = DeliveryHour.objects.filter(**within).annotate(span=day).order_by().values(*_SPAN).annotate(**_sums())
    refusals = DeliveryRefusal.objects.filter(**within).annotate(span=day).order_by().values(*_SPAN, "code")
    return _joined(hours, refusals.annotate(number=Sum("refused_count")))


def by_key(*, start: datetime, end: datetime) -> dict[int, Delivered]:
    """Add up what each key delivered in the hours that begin in [start, end)."""
    within = _within(start, end, None)
    hours = DeliveryHour.objects.filter(**within).order_by().values("api_key_id").annotate(**_sums())
    refusals = DeliveryRefusal.objects.filter(**within).order_by().values("api_key_id", "code")
    found = _joined(
        [{**row, "span": start} for row in hours],
        [{**row, "span": start} for row in refusals.annotate(number=Sum("refused_count"))],
    )
    return {key_id: delivered for (key_id, _start), delivered in found.items()}


_SPAN = ("api_key_id", "span")
_COUNTS = ("accepted_count", "duplicate_count", "conflict_count")


def _by_hour(within: Mapping[str, Any]) -> tuple[QuerySet[Any, Any], QuerySet[Any, Any]]:
    hours = DeliveryHour.objects.filter(**within).annotate(span=F("hour"))
    refusals = DeliveryRefusal.objects.filter(**within).annotate(span=F("hour"), number=F("refused_count"))
    return hours.values(*_SPAN, *_COUNTS, "latest_success_at"), refusals.values(*_SPAN, "code", "number")


def _sums() -> dict[str, Any]:
    return {name: Sum(name) for name in _COUNTS} | {"latest_success_at": Max("latest_success_at")}


def _within(start: datetime, end: datetime, key_id: int | None) -> dict[str, Any]:
    return {"hour__gte": start, "hour__lt": end} | ({} if key_id is None else {"api_key_id": key_id})


def _joined(hours: Iterable[Mapping[str, Any]], refusals: Iterable[Mapping[str, Any]]) -> dict[Place, Delivered]:
    found: dict[Place, Delivered] = defaultdict(Delivered)
    for row in hours:
        one = found[row["api_key_id"], row["span"]]
        one.accepted, one.duplicate, one.conflict = (row[name] for name in _COUNTS)
        one.latest_success_at = row["latest_success_at"]
    for row in refusals:
        found[row["api_key_id"], row["span"]].refused[row["code"]] = row["number"]
    return dict(sorted(found.items(), key=lambda item: (item[0][1], item[0][0])))


def silent_keys(*, now: datetime) -> list[tuple[ApiKey, Silence]]:
    """List the keys that have gone silent and are not revoked, the longest silent first (Note [Silent])."""
    quiet = [key_id for key_id, hour in _latest_hours(now).items() if now - hour >= (LEAST_SILENT_HOURS + 1) * HOUR]
    keys = ApiKey.objects.filter(pk__in=quiet, revoked_at=None)
    active = _active_hours([key.pk for key in keys], since=now - GIVEN_UP_AFTER - WEEK - HOUR)
    found = [(key, silent) for key in keys if (silent := silence(active[key.pk], now=now))]
    return sorted(found, key=lambda one: (one[1].since, one[0].pk))


def _latest_hours(now: datetime) -> dict[int, datetime]:
    """Give the latest hour of each key that sent something in the last thirty days."""
    latest: dict[int, datetime] = {}
    for rows in _of_both(hour__gte=now - GIVEN_UP_AFTER - HOUR):
        for key_id, hour in rows.values("api_key_id").annotate(latest=Max("hour")).values_list("api_key_id", "latest"):
            latest[key_id] = max(hour, latest.get(key_id, hour))
    return latest


def _active_hours(key_ids: list[int], *, since: datetime) -> dict[int, set[datetime]]:
    active: dict[int, set[datetime]] = defaultdict(set)
    for rows in _of_both(api_key_id__in=key_ids, hour__gte=since) if key_ids else ():
        for key_id, hour in rows.values_list("api_key_id", "hour"):
            active[key_id].add(hour)
    return active


def _of_both(**within: Any) -> tuple[QuerySet[Any], QuerySet[Any]]:
    """A key that sends only what is refused is not silent."""
    return DeliveryHour.objects.filter(**within).order_by(), DeliveryRefusal.objects.filter(**within).order_by()
