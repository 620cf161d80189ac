"""Charges under two sets of terms, summed, sorted into bands, the largest changes first."""

import pytest

from invoices import comparing
from invoices.comparing import Row, Tally


def row(name, old, new, cycles=1):
    return Row(f"cus_{name}", name, cycles, old, new)


@pytest.mark.parametrize(
    ("old", "new", "band"),
    [
        (1000, 0, "down_50"),
        (1000, 500, "down_50"),
        (1000, 501, "down_20"),
        (1000, 800, "down_20"),
        (1000, 801, "down_5"),
        (1000, 950, "down_5"),
        (1000, 951, "down"),
        (10**30, 10**30 - 1, "down"),
        (1000, 1000, "same"),
        (0, 0, "same"),
        (10**30, 10**30 + 1, "up"),
        (1000, 1049, "up"),
        (1000, 1050, "up_5"),
        (1000, 1200, "up_20"),
        (1000, 1500, "up_50"),
        (0, 1, "from_nothing"),
    ],
)
def test_a_change_falls_into_the_band_of_its_percentage(old, new, band):
    assert comparing.band(row("acme", old, new)) == band


def test_a_tally_sums_and_keeps_the_largest_changes_first(monkeypatch):
    monkeypatch.setattr(comparing, "TOP_MOVERS", 3)
    tally = Tally()

    tally.add([row("a", 100, 90), row("b", 100, 100, cycles=2)])
    tally.add([row("c", 0, 25), row("d", 40, 15), row("e", 10, 11)])

    assert (tally.customer_count, tally.cycle_count, tally.differing) == (5, 6, 4)
    assert (tally.old_amount, tally.new_amount, tally.difference) == (250, 241, -9)
    assert [(one.name, one.difference) for one in tally.movers] == [("c", 25), ("d", -25), ("a", -10)]
    assert {one.name: number for one, number in tally.distribution() if number} == {
        "down_50": 1, "down_5": 1, "same": 1, "up_5": 1, "from_nothing": 1,
    }  # fmt: skip
    assert sum(number for _band, number in tally.distribution()) == tally.customer_count
