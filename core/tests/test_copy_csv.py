"""What PostgreSQL writes as CSV is what core.sheets would."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection

from core import copy_csv, database
from core.sheets import FORMULA_STARTS, cell

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "column", "contents"),
    [
        ("free", "text", [None, "", "Acme", "1=1", *(f"{start}SUM(A1)" for start in FORMULA_STARTS)]),
        ("decimal", "numeric", [None, Decimal("1.50"), Decimal("-0.000"), Decimal("1e20"), Decimal("0.000000000001")]),
        ("instant", "timestamptz", [None, NOW, NOW.replace(microsecond=120_003), datetime(2026, 7, 1, 23, 59, 59, tzinfo=UTC)]),
    ],
)
def test_copy_writes_a_cell_as_every_other_csv_does(kind, column, contents):
    with database.unhurried(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {copy_csv.written('x', kind)}::text FROM unnest(%s::{column}[]) x", [contents])
        written = [text or "" for (text,) in cursor.fetchall()]

    assert written == [cell(content) for content in contents]
