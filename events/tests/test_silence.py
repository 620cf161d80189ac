from datetime import UTC, datetime, timedelta

import pytest

from events.silence import Silence, silence

NOW = datetime(2026, 11, 21, 12, 20, tzinfo=UTC)


def hours_ago(*numbers: int) -> list[datetime]:
    return [NOW.replace(minute=0) - timedelta(hours=number) for number in numbers]


def test_a_key_that_sent_every_hour_is_missed_after_three() -> None:
    assert silence(hours_ago(*range(4, 200)), now=NOW) == Silence(NOW.replace(minute=0) - timedelta(hours=3), 3, 0)


def test_a_key_that_sent_every_hour_is_not_missed_a_moment_earlier() -> None:
    just_before = NOW.replace(minute=0) - timedelta(microseconds=1)

    assert silence(hours_ago(*range(4, 200)), now=just_before) is None


NIGHTS = [number for number in range(200) if number % 24 < 14]  # fourteen hours a day, and a rest of ten


@pytest.mark.parametrize(("quiet", "is_silent"), [(10, False), (20, False), (21, True)])
def test_a_key_that_rests_at_night_is_missed_after_twice_its_rest(quiet: int, is_silent: bool) -> None:
    found = silence(hours_ago(*[number + 1 + quiet for number in NIGHTS]), now=NOW)

    assert (found is not None) == is_silent
    if found:
        assert (found.quiet_hours, found.longest_pause_hours) == (21, 10)


@pytest.mark.parametrize(("active", "is_silent"), [(84, False), (85, True)])
def test_only_a_key_that_sent_in_most_hours_of_its_week_is_missed(active: int, is_silent: bool) -> None:
    assert (silence(hours_ago(*range(10, 10 + active)), now=NOW) is not None) == is_silent


def test_what_lies_before_the_week_counts_neither_for_nor_against_a_key() -> None:
    assert silence(hours_ago(*range(5, 173), 400), now=NOW) == Silence(NOW.replace(minute=0) - timedelta(hours=4), 4, 0)


@pytest.mark.parametrize(("days", "is_silent"), [(29, True), (31, False)])
def test_a_key_that_was_given_up_is_no_longer_missed(days: int, is_silent: bool) -> None:
    assert (silence(hours_ago(*range(24 * days, 24 * days + 168)), now=NOW) is not None) == is_silent


def test_a_key_that_never_sent_is_not_silent() -> None:
    assert silence([], now=NOW) is None
