"""Serve lists page by page: numbered as the contract has it, and whole while rows arrive.

# Note [Two pages at once]
page_number counts from 0, but both published clients ask for page 2 after a first call without page_number. So that call answers pages 0
and 1 together, and iterating a client's list() yields every item once.

# Note [Remembered ends]
A page is remembered by its last row for ten minutes, for its API key, address and filters; the page after it starts there by key. Nothing
is seen twice or left out because rows arrived in between, and deep pages stay fast. A cold jump, or a lost memory, uses an offset, up to
MOST_SKIPPED rows.
"""

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Generic, Protocol, TypeVar

import msgspec
from django.db.models import Q, QuerySet
from rest_framework.request import Request

from api.models import PageEnd
from api.v1.auth import key_of
from api.v1.errors import Refused

DEFAULT_SIZE = 10
MAX_SIZE = 100
REMEMBERED = timedelta(minutes=10)
MOST_SKIPPED = 1_000_000  # rows that a cold jump may pass over: half a second

Row = TypeVar("Row")


class PageQuery(msgspec.Struct, kw_only=True):
    """What every list takes; the filters of a list are a subclass."""

    page_number: Annotated[int, msgspec.Meta(ge=0, le=10**9)] | None = None
    page_size: Annotated[int, msgspec.Meta(ge=1, le=MAX_SIZE)] = DEFAULT_SIZE
    locale: str | None = None


@dataclass(frozen=True)
class Slice:
    """Which rows to read, newest first: `limit` of them after `end`, or after `offset` rows when no end is known.

    upper: what the list's first page noted about the moment it was read, or "".
    """

    limit: int
    offset: int
    end: str
    upper: str


class Listing(Protocol[Row]):
    """A list in a total order that can go on from the end of a page."""

    def read(self, part: Slice) -> Sequence[Row]: ...

    def end_of(self, row: Row) -> str: ...

    def upper(self) -> str: ...


class NewestFirst(Generic[Row]):
    """A queryset, newest first by `created_at`, then by id."""

    def __init__(self, rows: QuerySet[Any]) -> None:
        self.rows = rows.order_by("-created_at", "-id")

    def read(self, part: Slice) -> Sequence[Any]:
        if not part.end:
            return list(self.rows[part.offset : part.offset + part.limit])
        created_at, _, row_id = part.end.partition("|")
        instant = datetime.fromisoformat(created_at)
        beyond = Q(created_at__lt=instant) | Q(created_at=instant, id__lt=int(row_id))
        # An index can begin at the first bound; at "or" it cannot, and a deep page would pass over all that come before it.
        return list(self.rows.filter(beyond, created_at__lte=instant)[: part.limit])

    def end_of(self, row: Any) -> str:
        return f"{row.created_at.isoformat()}|{row.id}"

    def upper(self) -> str:
        return ""


class LatestWritten(Generic[Row]):
    """A queryset, the latest written first, by id: for a large table without an index of times that reads all of it."""

    def __init__(self, rows: QuerySet[Any]) -> None:
        self.rows = rows.order_by("-id")

    def read(self, part: Slice) -> Sequence[Any]:
        rows = self.rows.filter(id__lt=int(part.end)) if part.end else self.rows
        offset = 0 if part.end else part.offset
        return list(rows[offset : offset + part.limit])

    def end_of(self, row: Any) -> str:
        return str(row.id)

    def upper(self) -> str:
        return ""


def page(
    request: Request, query: PageQuery, listing: Listing[Row], shown: Callable[[Sequence[Row]], Sequence[Any]], *, now: datetime
) -> dict[str, Any]:
    """Read the page that `query` asks for, and remember its end.

    Returns {"items": shown(rows)}; without page_number, pages 0 and 1 together (Note [Two pages at once]).
    """
    first, count = (0, 2) if query.page_number is None else (query.page_number, 1)
    before = _recall(request, query, first - 1, now=now) if first else None
    upper = before.upper if before else "" if first else listing.upper()
    if before is None and first * query.page_size > MOST_SKIPPED:
        raise too_deep(MOST_SKIPPED)
    limit = count * query.page_size
    rows = listing.read(Slice(limit=limit, offset=first * query.page_size, end=before.end if before else "", upper=upper))
    end = listing.end_of(rows[-1]) if rows else before.end if before else ""
    if end:
        _remember(request, query, first + count - 1, end=end, upper=upper, now=now)
    return {"items": shown(rows)}


def too_deep(most: int) -> Refused:
    """Refuse a jump over more than so many items."""
    return Refused(
        "PAGE_TOO_DEEP",
        f"A jump may pass over {most} items. Ask for the pages in order, or narrow the list by its filters.",
        field="page_number",
    )


def _recall(request: Request, query: PageQuery, number: int, *, now: datetime) -> PageEnd | None:
    return PageEnd.objects.filter(id=_fingerprint(request, query, number), expires_at__gt=now).first()


def _remember(request: Request, query: PageQuery, number: int, *, end: str, upper: str, now: datetime) -> None:
    if number <= 1:
        PageEnd.objects.filter(expires_at__lte=now).delete()
    PageEnd.objects.bulk_create(
        [PageEnd(id=_fingerprint(request, query, number), end=end, upper=upper, expires_at=now + REMEMBERED)],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["end", "upper", "expires_at"],
    )


def _fingerprint(request: Request, query: PageQuery, number: int) -> uuid.UUID:
    filters = sorted((name, text) for name, text in request.GET.items() if name not in {"page_number", "page_size"})
    parts = [key_of(request).id, request.path, filters, query.page_size, number]
    return uuid.UUID(bytes=hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).digest())
