"""Pick the price version that holds at an instant."""

from collections.abc import Sequence
from datetime import datetime

from products.models import PriceVersion


def in_force(versions: Sequence[PriceVersion], *, now: datetime) -> PriceVersion | None:
    """Give the version whose terms hold now, or the first of a product that starts later. versions: ascending by number."""
    begun = [version for version in versions if version.effective_at <= now]
    return begun[-1] if begun else next(iter(versions), None)
