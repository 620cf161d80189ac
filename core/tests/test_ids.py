"""Public ids rise with time, and tell nothing of one another."""

import time

from core import ids


def test_an_id_has_24_letters_and_digits_behind_its_prefix() -> None:
    prefix, letters = ids.public_id("cus").split("_")

    assert prefix == "cus"
    assert len(letters) == ids.LENGTH
    assert set(letters) <= set(ids.ALPHABET)


def test_ids_of_one_call_are_as_many_as_asked_for_and_ascend() -> None:
    made = ids.public_ids("lin", 3000)

    assert len(set(made)) == 3000
    assert made == sorted(made)
    assert {len(one) for one in made} == {len("lin_") + ids.LENGTH}
    assert ids.public_ids("lin", 0) == []


def test_later_ids_sort_behind_earlier_ones_under_any_collation(monkeypatch) -> None:
    # Years apart, so that every letter of the moment takes part; a collation of a language ignores whether letters are capitals.
    moments = [(1_700_000_000 + 40_000_000 * n) * 10**9 for n in range(50)]
    made = []
    for moment in moments:
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        made.append(ids.public_id("inv"))

    starts = [one[:11] for one in made]
    assert starts == sorted(set(starts))
    assert starts == sorted(starts, key=str.casefold)
    assert starts == [start.upper().replace("INV", "inv") for start in starts]


def test_what_is_behind_the_moment_is_random(monkeypatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000 * 10**9)
    made = [one[11:] for one in ids.public_ids("cus", 5000)]

    # Every letter stands everywhere but at the front about as often as every other: 81 times on average.
    for position in range(1, 17):
        column = [one[position] for one in made]
        assert len(set(column)) == len(ids.ALPHABET)
        assert max(column.count(letter) for letter in ids.ALPHABET) < 160
