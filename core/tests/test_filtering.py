"""A date in a filter is a day of the billing zone, whole."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django import forms

from core.filtering import InstantField


@pytest.mark.parametrize(
    ("text", "through", "instant"),
    [
        ("2026-11-10", False, datetime(2026, 11, 9, 18, 30, tzinfo=UTC)),
        ("2026-11-10", True, datetime(2026, 11, 10, 18, 30, tzinfo=UTC)),
        (" 2026-11-10 ", True, datetime(2026, 11, 10, 18, 30, tzinfo=UTC)),
        ("2026-11-10T05:00:00Z", True, datetime(2026, 11, 10, 5, tzinfo=UTC)),
        ("2026-11-10T05:00:00+02:00", False, datetime(2026, 11, 10, 3, tzinfo=UTC)),
        ("2026-11-10T05:00:00+23:59", False, datetime(2026, 11, 9, 5, 1, tzinfo=UTC)),
    ],
)
def test_a_date_is_a_midnight_of_the_billing_zone(settings: Any, text: str, through: bool, instant: datetime) -> None:
    settings.BILLING_TIME_ZONE = "Asia/Kolkata"

    read = InstantField(through=through).clean(text)

    assert (read, read.utcoffset()) == (instant, timedelta())  # PostgreSQL refuses greater offsets than 16 hours


@pytest.mark.parametrize("text", ["2026-02-30", "0000-01-01", "9999-12-31", "0001-01-01T00:00:00+01:00", "yesterday"])
def test_what_is_no_instant_is_a_fault_of_the_field(text: str) -> None:
    with pytest.raises(forms.ValidationError):
        InstantField(through=True).clean(text)
