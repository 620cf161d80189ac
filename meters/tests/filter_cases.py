"""One table of cases for every implementation of filters: the Python meaning and the SQL (semantics 28)."""

from decimal import Decimal
from typing import Any

Case = tuple[str, Any, Any, bool]

BIG = Decimal("999999999999999999999999999999.12345678")
TINY = Decimal("0.000000000000000001")

# operator, the condition's own value, the event's value (MISSING: no such property), whether it holds
MISSING = object()
ALL = (
    "equals",
    "not_equals",
    "greater_than",
    "greater_than_or_equals",
    "less_than",
    "less_than_or_equals",
)
CONTAINS = ("contains", "does_not_contain")

CASES: tuple[Case, ...] = (
    *((name, 150, MISSING, False) for name in ALL),
    *((name, 150, "150", False) for name in ALL),
    *((name, "150", 150, False) for name in (*ALL, *CONTAINS)),
    *((name, "150", MISSING, False) for name in (*ALL, *CONTAINS)),
    *((name, 1, True, False) for name in ALL),
    *((name, True, 1, False) for name in ("equals", "not_equals")),
    *((name, True, "true", False) for name in ("equals", "not_equals")),
    ("equals", 150, 150, True),
    ("equals", 150, Decimal("150.00"), True),
    ("equals", Decimal("0.1"), Decimal("0.10"), True),
    ("equals", Decimal("0.1"), Decimal("0.100000000000000001"), False),
    ("not_equals", 150, 151, True),
    ("not_equals", 150, 150, False),
    ("greater_than", 150, 150, False),
    ("greater_than", 150, Decimal("150.000000000000000001"), True),
    ("greater_than_or_equals", 150, 150, True),
    ("less_than", 0, -TINY, True),
    ("less_than", TINY, 0, True),
    ("less_than_or_equals", BIG, BIG, True),
    ("greater_than", BIG, BIG + TINY, True),
    ("equals", BIG, BIG, True),
    ("equals", "", "", True),
    ("equals", "gpt-4", "GPT-4", False),
    ("equals", "é", "e\u0301", False),
    ("not_equals", "a", "b", True),
    ("less_than", "a", "Z", True),
    ("less_than", "b", "a ", True),
    ("greater_than", "z", "é", True),
    ("greater_than", "\uffff", "\U00010000", True),
    ("less_than", "a", "", True),
    ("less_than", "10", "9", False),
    ("contains", "4", "gpt-4", True),
    ("contains", "", "anything", True),
    ("contains", "%", "100%", True),
    ("contains", "%", "100", False),
    ("contains", "_", "a", False),
    ("contains", "G", "gpt", False),
    ("contains", "\U0001f600", "so \U0001f600!", True),
    ("does_not_contain", "x", "gpt", True),
    ("does_not_contain", "g", "gpt", False),
    ("equals", True, True, True),
    ("equals", True, False, False),
    ("not_equals", True, False, True),
    ("equals", "quote'\"\\", "quote'\"\\", True),
)
