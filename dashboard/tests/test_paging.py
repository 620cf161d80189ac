from base64 import urlsafe_b64encode
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from customers.models import Customer
from dashboard.paging import CursorInvalid, page
from invoices import review
from tests.plans import plan

NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def names(db: None) -> list[str]:
    """Seven customers, the newest first; two each share an instant."""
    made = [f"customer {number}" for number in range(7)]
    for number, name in enumerate(made):
        at = NOW + timedelta(days=number // 2)
        Customer.objects.create(name=name, email="a@example.org", created_at=at, updated_at=at)
    return made[::-1]


ORDER = ("-created_at", "-id")


def shown(cursor: str | None) -> tuple[list[str], str | None, str | None]:
    found = page(Customer.objects.all(), cursor=cursor, order=ORDER, size=3)
    return [row.name for row in found.items], found.newer, found.older


def test_older_and_newer_walk_every_row_once(names: list[str]) -> None:
    first, newer, older = shown(None)
    second, back, further = shown(older)
    third, back_again, end = shown(further)

    assert [*first, *second, *third] == names
    assert (newer, end) == (None, None)
    assert shown(back_again)[0] == second
    assert shown(back)[0] == first
    assert shown(back)[1] is None


def test_a_row_that_arrives_meanwhile_moves_nothing(names: list[str]) -> None:
    _first, _newer, older = shown(None)
    Customer.objects.create(name="new", email="a@example.org", created_at=NOW + timedelta(days=9), updated_at=NOW)

    assert shown(older)[0] == names[3:6]


def test_a_deep_page_begins_at_its_place_in_the_index(names: list[str]) -> None:
    _first, _newer, older = shown(None)

    assert "Index Cond: (created_at <= " in plan(lambda: shown(older))


def test_an_empty_list_has_no_neighbours(db: None) -> None:
    assert shown(None) == ([], None, None)


@pytest.mark.parametrize("cursor", ["x", "W10", "bm8", "WzAsMV0", "WzAsIngiLDFd", "WzAse30sMV0"])
@pytest.mark.django_db
def test_a_cursor_that_cannot_be_read_is_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        page(Customer.objects.all(), cursor=cursor, order=ORDER)


@pytest.mark.parametrize(
    "place",
    [
        '[0, "2026-11-01T00:00:00+23:59", 1]',
        '[0, "0001-01-01T00:00:00+01:00", 1]',
        '[0, "9999-12-31T23:59:59-01:00", 1]',
        '[0, "2026-11-01", 1]',
        '[0, "2026-11-01T00:00:00", 1]',
        '[0, "2026-11-01T00:00:00Z", 9223372036854775808]',
        '[0, "2026-11-01T00:00:00Z", "1\\u0000"]',
        '[0, "2026-11-01T00:00:00Z", ' + "[" * 2000,
    ],
)
@pytest.mark.django_db
def test_a_forged_cursor_is_refused_or_finds_what_there_is(place: str) -> None:
    with suppress(CursorInvalid):
        page(Customer.objects.all(), cursor=urlsafe_b64encode(place.encode()).decode(), order=ORDER)


@pytest.mark.parametrize("size", ['"1e999999"', '"NaN"', '"Infinity"', '"1\\u0000"', "1e3", "9223372036854775808", "true"])
@pytest.mark.django_db
def test_a_forged_size_is_refused_or_finds_what_there_is(size: str) -> None:
    with suppress(CursorInvalid):
        page(review.drafts(), cursor=urlsafe_b64encode(f"[0, {size}, 1]".encode()).decode(), order=("-size", "-id"))
