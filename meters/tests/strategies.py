"""Generate filter trees and metadata that meet each other often: few keys, few values of every type."""

from decimal import Decimal

from hypothesis import strategies as st

from meters.filters import OPERATORS, Condition, Group, kind_of

KEYS = st.sampled_from(["a", "b", "ключ", "quote'\"", "%s"])
TEXTS = st.sampled_from(
    ["", "a", "A", "ab", "z", "é", "e\u0301", "\uffff", "\U00010000", "10", "9", "%", "_", "\\", "'"]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = st.sampled_from(
    [Decimal(text) for text in ("0", "-0.0", "1", "1.0", "10", "9", "0.1", "0.100000000000000001", "1E-18", "9E29", "-9E29")]
) | st.decimals(min_value=-(10**30) + 1, max_value=10**30 - 1, places=8)
SCALARS = TEXTS | NUMBERS | st.booleans()
METADATA = st.dictionaries(KEYS, SCALARS, max_size=5)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """Draw a condition whose operator fits its value."""
    scalar = draw(SCALARS)
    fitting = [row.name for row in OPERATORS.values() if kind_of(scalar) in row.kinds]
    return Condition(draw(KEYS), draw(st.sampled_from(fitting)), scalar)


def groups(levels: int = 3) -> st.SearchStrategy[Group]:
    """Draw a group of conditions and, with levels left, of further groups."""
    clause = conditions() if levels == 1 else conditions() | groups(levels - 1)
    return st.builds(Group, st.sampled_from(["and", "or"]), st.lists(clause, min_size=1, max_size=4).map(tuple))
