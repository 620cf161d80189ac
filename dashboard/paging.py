"""Page through a list by key: the cost of a page does not depend on how deep it lies, and no row is counted."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import SuspiciousOperation, ValidationError
from django.db.models import Model, Q, QuerySet

SIZE = 50
Row = TypeVar("Row")


class CursorInvalid(SuspiciousOperation):
    """The place in a list that a link names cannot be read; Django answers 400."""


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows of a list, in its order. newer, older: the cursor of the neighbouring page, or None where there is none."""

    items: Sequence[Row]
    newer: str | None
    older: str | None


def page(rows: QuerySet[Any], *, cursor: str | None, order: Sequence[str] = ("-id",), size: int = SIZE) -> Page[Any]:
    """Give one page of rows.

    order: names of fields with numbers or times, "-" for descending, none nullable, the last one unique, so that the order is total.
    Raises CursorInvalid.
    """
    backward, place = _read(cursor, len(order)) if cursor else (False, None)
    wanted = [_turned(name) for name in order] if backward else list(order)
    try:
        if place is not None:
            rows = rows.filter(_beyond(wanted, place))
        found = list(rows.order_by(*wanted)[: size + 1])
    except (ValidationError, ValueError, TypeError) as error:
        raise CursorInvalid("the cursor does not fit this list") from error
    more, items = len(found) > size, found[:size]
    if backward:
        items.reverse()
    if not items:
        return Page(items=(), newer=None, older=None)
    has_newer = more if backward else place is not None
    has_older = True if backward else more
    return Page(
        items=items,
        newer=_write(items[0], order, backward=True) if has_newer else None,
        older=_write(items[-1], order, backward=False) if has_older else None,
    )


def _turned(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _beyond(order: Sequence[str], place: Sequence[Any]) -> Q:
    """Match the rows that come after a place: equal in the first fields and beyond it in the next, for some field.

    That none lies before it in the first field follows, and is said besides: there an index can begin, at "or" it cannot.
    """
    condition = Q(pk__in=())
    equal = Q()
    for name, bound in zip(order, place, strict=True):
        field, lookup = (name[1:], "lt") if name.startswith("-") else (name, "gt")
        condition |= equal & Q(**{f"{field}__{lookup}": bound})
        equal &= Q(**{field: bound})
    first, lookup = (order[0][1:], "lte") if order[0].startswith("-") else (order[0], "gte")
    return Q(**{f"{first}__{lookup}": place[0]}) & condition


def _write(row: Model, order: Sequence[str], *, backward: bool) -> str:
    place = [getattr(row, name.lstrip("-")) for name in order]
    shown = [each.isoformat() if isinstance(each, datetime) else each for each in place]
    return urlsafe_b64encode(json.dumps([int(backward), *shown]).encode()).decode().rstrip("=")


def _read(cursor: str, length: int) -> tuple[bool, list[Any]]:
    try:
        parts = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(parts, list) or len(parts) != length + 1:
            raise CursorInvalid("the cursor does not fit this list")
        return bool(parts[0]), [_bound(part) for part in parts[1:]]
    except (ValueError, RecursionError) as error:
        raise CursorInvalid("the cursor cannot be read") from error


def _bound(part: Any) -> int | datetime:
    """Read a number or a time as _write() wrote it; others, such as one with an offset of a day, PostgreSQL would refuse."""
    if isinstance(part, int):
        return part
    if not isinstance(part, str) or (moment := datetime.fromisoformat(part)).tzinfo != UTC:
        raise ValueError(part)
    return moment
