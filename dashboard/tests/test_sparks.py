from decimal import Decimal

from dashboard.sparks import HEIGHT, bars, width


def test_the_greatest_fills_the_height_and_the_smallest_is_seen() -> None:
    found = bars([Decimal(1000), Decimal("0.5"), None, Decimal(500)])

    assert [bar.height for bar in found] == [HEIGHT, 1, 0, HEIGHT // 2]
    assert [bar.y + bar.height for bar in found] == [HEIGHT, HEIGHT, HEIGHT, HEIGHT]
    assert width(4) > found[-1].x + found[-1].width == width(30) - 26 * 12


def test_less_than_nothing_hangs_below_the_zero_line() -> None:
    up, down = bars([Decimal(3), Decimal(-1)])

    assert (up.y, up.height, down.y, down.height) == (0, 48, 48, 16)


def test_nothing_is_flat() -> None:
    assert [bar.height for bar in bars([Decimal(0), None])] == [0, 0]
