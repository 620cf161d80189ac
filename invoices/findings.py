"""Say where a stored figure is not what raw events make it. PURE."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from core.money import plain


@dataclass(frozen=True)
class Finding:
    """A stored figure that is not what raw events make it. line_id: public, '' for the invoice's own figures."""

    line_id: str
    figure: str
    stored: str
    recomputed: str


def differing(line_id: str, *figures: tuple[str, Any, Any]) -> Iterator[Finding]:
    """Give a finding for each (name, stored, recomputed) that differs."""
    for name, kept, again in figures:
        if kept != again:
            yield Finding(line_id, name, text_of(kept), text_of(again))


def text_of(figure: Any) -> str:
    """Write a figure as findings show it."""
    if figure is None:
        return "no value"
    return plain(figure) if isinstance(figure, Decimal) else str(figure)
