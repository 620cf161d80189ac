"""JSON columns keep every digit."""

from decimal import Decimal

from core.exact_json import ExactDecoder, ExactEncoder, dumps, loads, of_jsonb


def test_fractions_come_back_with_their_very_digits() -> None:
    source = {"rate": Decimal("0.100000000000000001"), "whole": 12345678901234567890, "flag": True, "text": "é", "none": None}

    assert loads(dumps(source)) == loads(dumps(source).encode()) == of_jsonb(dumps(source)) == source


def test_a_number_is_written_as_a_number() -> None:
    assert dumps([Decimal("0.1"), 1]) == "[0.1,1]"


def test_the_classes_that_django_asks_for_do_the_same() -> None:
    assert ExactEncoder().encode(Decimal("0.10")) == "0.10"
    assert ExactDecoder().decode("0.10") == Decimal("0.10")
