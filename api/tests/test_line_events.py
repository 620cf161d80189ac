"""The pages of the events behind an invoice's line; what they hold is tested with invoices."""

import pytest

from api.v1.errors import Refused
from api.v1.line_events import Events
from api.v1.pagination import Slice
from core.periods import FOREVER, Period
from meters.behind import Asked
from meters.definition import ALWAYS, Definition


def test_a_cold_jump_over_more_than_ten_thousand_events_is_refused() -> None:
    definition = Definition("call", "count", None, None, (Period(ALWAYS, FOREVER),))
    events = Events(Asked(definition, 1, Period(ALWAYS, FOREVER), None))

    with pytest.raises(Refused, match="10000") as refused:
        events.read(Slice(limit=10, offset=10_001, end="", upper=""))

    assert refused.value.code == "PAGE_TOO_DEEP"
