"""A meter's definition counts an event or not, and survives being stored."""

from datetime import UTC, datetime
from decimal import Decimal

from core.exact_json import dumps, loads
from core.periods import FOREVER, Period
from meters.definition import ALWAYS, Definition
from meters.filters import Condition, Group

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
ONE = datetime(2026, 10, 1, 13, tzinfo=UTC)
TWO = datetime(2026, 10, 1, 14, tzinfo=UTC)
DEFINITION = Definition(
    event_name="tokens",
    aggregation="sum",
    over_property="count",
    filter=Group("and", (Condition("rate", "less_than", Decimal("0.1")),)),
    active=(Period(ALWAYS, NOON), Period(ONE, FOREVER)),
)


def test_it_comes_back_from_json_the_same() -> None:
    assert Definition.from_json(loads(dumps(DEFINITION.to_json()))) == DEFINITION


def test_what_there_is_none_of_is_left_out_and_was_null_before() -> None:
    plain = Definition(event_name="call", aggregation="count", over_property=None, filter=None, active=(Period(ALWAYS, FOREVER),))

    written = plain.to_json()

    assert written == {"event_name": "call", "aggregation": "count", "active": [[None, None]]}
    assert Definition.from_json(written | {"over_property": None, "filter": None}) == plain


def test_it_counts_what_matches_while_it_is_active() -> None:
    metadata = {"count": 5, "rate": Decimal("0.05")}

    assert DEFINITION.counts(event_name="tokens", timestamp=ONE, metadata=metadata) == 5
    assert DEFINITION.counts(event_name="tokens", timestamp=NOON, metadata=metadata) is None
    assert DEFINITION.counts(event_name="Tokens", timestamp=ONE, metadata=metadata) is None
    assert DEFINITION.counts(event_name="tokens", timestamp=ONE, metadata={"count": 5}) is None
    assert DEFINITION.counts(event_name="tokens", timestamp=ONE, metadata={"count": "5", "rate": 0}) is None
