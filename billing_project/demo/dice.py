"""Draw whole numbers that depend on a text seed only, the same on every Python version. PURE."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A seeded source of whole numbers.

    Built on getrandbits, whose sequence Python keeps stable; randrange and choice may change between versions.
    """

    def __init__(self, *seed: object) -> None:
        self._bits = Random("/".join(str(part) for part in seed)).getrandbits  # noqa: S311 -- believable, not secret

    def below(self, bound: int) -> int:
        """Draw from 0 up to, not including, bound."""
        return self._bits(64) * bound >> 64

    def between(self, low: int, high: int) -> int:
        """Draw from low to high, both included."""
        return low + self.below(high - low + 1)

    def happens(self, *, per_mille: int) -> bool:
        """Say yes in that many of a thousand cases."""
        return self.below(1000) < per_mille

    def pick(self, choices: Sequence[T]) -> T:
        """Choose one; write a choice twice to make it twice as likely."""
        return choices[self.below(len(choices))]

    def skewed(self, low: int, high: int) -> int:
        """Draw from low to high with small numbers far more often than large ones."""
        return low + (high - low) * self.below(1001) * self.below(1001) * self.below(1001) // 1_000_000_000

    def hexadecimal(self, digits: int) -> str:
        """Draw that many hexadecimal digits."""
        return f"{self._bits(4 * digits):0{digits}x}"
