"""CSV that a spreadsheet can open without running what strangers wrote."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.sheets import cell, csv_lines


@pytest.mark.parametrize(
    ("content", "written"),
    [
        (None, ""),
        (-5, "-5"),
        (Decimal("-1E+3"), "-1000"),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), "2026-01-01T12:00:00Z"),
        ("Acme", "Acme"),
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tcmd", "'\tcmd"),
        ("\r=1", "'\r=1"),
        ("\n=1", "'\n=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20SUM(A1)", "'\uff20SUM(A1)"),
    ],
)
def test_a_cell_is_plain_and_no_formula(content, written):
    assert cell(content) == written


def test_lines_read_back_as_they_were():
    rows = [("a,b", 1), ('say "x"\nand y', None)]

    text = "".join(csv_lines(header=["name", "count"], rows=rows))

    assert list(csv.reader(io.StringIO(text))) == [["name", "count"], ["a,b", "1"], ['say "x"\nand y', ""]]
    assert text.startswith("name,count\r\n")


def test_rows_are_written_as_they_come():
    def rows():
        yield ("first",)
        raise AssertionError("asked for too early")

    lines = csv_lines(header=["name"], rows=rows())

    assert (next(lines), next(lines)) == ("name\r\n", "first\r\n")
