"""Lay quantities out as small bars on a grid of whole numbers, for an SVG that needs no script. PURE."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from core.money import round_half_away

STEP = 12
WIDTH = 8
HEIGHT = 64
FEWEST = 15


@dataclass(frozen=True)
class Bar:
    """A bar from the zero line up, or down for less than nothing. All in the units of the drawing, y from its top."""

    x: int
    y: int
    width: int
    height: int


def bars(quantities: Sequence[Decimal | None]) -> list[Bar]:
    """Draw each quantity; what is more than nothing is seen, however small. No value is no height."""
    numbers = [Fraction(quantity or 0) for quantity in quantities]
    top, bottom = max([Fraction(0), *numbers]), min([Fraction(0), *numbers])
    span = top - bottom or Fraction(1)
    zero = round_half_away(top * HEIGHT / span)
    return [_bar(number, place, zero, span) for place, number in enumerate(numbers)]


def _bar(number: Fraction, place: int, zero: int, span: Fraction) -> Bar:
    height = max(round_half_away(abs(number) * HEIGHT / span), 1 if number else 0)
    return Bar(place * STEP, zero - height if number > 0 else zero, WIDTH, height)


def width(count: int) -> int:
    """Give the width of a drawing of so many bars; a few do not fill it, or each would be a wall."""
    return max(count, FEWEST) * STEP - (STEP - WIDTH)
