"""What finance is warned of before issuing: each kind with a draft that is flagged, and a near one that is not."""

from decimal import Decimal

import pytest

from invoices.anomalies import REASONS, Anomaly, MeterUsage, Seen, anomalies, usual_of

D = Decimal


def used(quantity, *before):
    """A draft with one meter's quantity, and those of the cycles before it, the latest first."""
    as_decimal = [None if one is None else D(one) for one in (quantity, *before)]
    return Seen(usage=[MeterUsage("API calls", "calls", as_decimal[0], as_decimal[1:])])


CASES = [
    (Seen(hold_reason="the price is gone"), Anomaly("held", reason="the price is gone"), Seen(hold_reason=None)),
    (Seen(problem="no such cycle"), Anomaly("no_figures", reason="no such cycle"), Seen(problem="")),
    (used("0", "0.5"), Anomaly("no_usage", "API calls", "calls", before=D("0.5")), used("0.000001", "0.5")),
    (used(None, "3"), Anomaly("no_usage", "API calls", "calls", before=D(3)), used(None, None, "3")),
    (used("0", "7", "0"), Anomaly("no_usage", "API calls", "calls", before=D(7)), used("0", "0", "7")),
    (
        used("1000", "100", "90", "110"),
        Anomaly("ten_times", "API calls", "calls", quantity=D(1000), before=D(100)),
        used("999.999", "100", "90", "110"),
    ),
    (
        used("1000", "5000", "100", "0", "100"),
        Anomaly("ten_times", "API calls", "calls", quantity=D(1000), before=D(100)),
        used("1000", "0", "0"),
    ),
    (Seen(adjustments=[500, -120, -30]), Anomaly("negative_adjustment", amount=150), Seen(adjustments=[500, 0])),
    (Seen(late_held_count=2), Anomaly("late_held", count=2), Seen(late_held_count=0)),
    (Seen(conflict_count=1), Anomaly("conflicts", count=1), Seen(conflict_count=0)),
    (Seen(refused_count=4), Anomaly("refused", count=4), Seen(refused_count=0)),
]


@pytest.mark.parametrize(("odd", "flag", "near"), CASES)
def test_what_is_odd_is_flagged_and_what_is_near_it_is_not(odd, flag, near):
    assert anomalies(odd) == (flag,)
    assert anomalies(near) == ()


def test_every_kind_has_a_case():
    assert {flag.kind for _odd, flag, _near in CASES} == set(REASONS)


def test_several_come_in_the_order_in_which_to_look_and_a_held_draft_names_one_reason():
    seen = Seen(
        refused_count=1, conflict_count=1, adjustments=[-1], hold_reason="held", problem="held", usage=used("0", "1").usage
    )

    assert [one.kind for one in anomalies(seen)] == ["held", "no_usage", "negative_adjustment", "conflicts", "refused"]


def test_the_usual_is_the_middle_of_the_cycles_with_usage():
    assert usual_of([D(9), None, D(0), D(1), D(5)]) == 5
    assert usual_of([D(9), D(1)]) == 1
    assert usual_of([None, D(0)]) == 0
