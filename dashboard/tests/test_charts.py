import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import plotly.graph_objects
import pytest

from dashboard import charts
from dashboard.charts import Series
from dashboard.palette import DARK, LIGHT

START = datetime(2026, 11, 1, tzinfo=UTC)


def series(*quantities: str | None, name: str = "This month", earlier: bool = False) -> Series:
    points = [(START + timedelta(days=n), None if q is None else Decimal(q)) for n, q in enumerate(quantities)]
    return Series(name, points, earlier=earlier)


def figure(*shown: Series, running: bool = False) -> dict:
    return charts.usage(series=shown, window="day", unit="calls", palette=LIGHT, running=running)


def test_plotly_accepts_the_figure() -> None:
    made = figure(series("1", "2"), series("1", None, earlier=True))

    plotly.graph_objects.Figure(json.loads(charts.to_json(made)))


def test_a_decimal_is_written_with_its_own_digits() -> None:
    written = charts.to_json(figure(series("12345678901234567890.123456789"))).decode()

    assert '"y":[12345678901234567890.123456789]' in written
    assert '"customdata":["12,345,678,901,234,567,890.123456789"]' in written


def test_no_value_is_a_gap_and_not_a_zero() -> None:
    assert json.loads(charts.to_json(figure(series("1", None))))["data"][0]["y"] == [1, None]


def test_the_running_span_is_paler() -> None:
    made = figure(series("1", "2"), running=True)

    assert made["data"][0]["marker"]["opacity"] == [Decimal(1), Decimal("0.5")]


def test_an_earlier_period_is_a_dotted_grey_line() -> None:
    trace = figure(series("1"), series("1", earlier=True))["data"][1]

    assert (trace["type"], trace["line"]["dash"], trace["line"]["color"]) == ("scatter", "dot", LIGHT.before)


def test_names_that_people_wrote_are_not_read_as_markup() -> None:
    made = figure(series("1", name="<b>%{x}</b> & co"))

    assert made["data"][0]["name"] == "&lt;b>% {x}&lt;/b> &amp; co"


def test_more_series_than_colours_begin_again() -> None:
    made = charts.usage(series=[series("1")] * 8, window="day", unit="", palette=DARK)

    assert [trace["marker"]["color"] for trace in made["data"]][6:] == list(DARK.series[:2])


@pytest.mark.parametrize(
    ("largest", "format"),
    [
        ("0", "SI"),
        ("999999999999999", "SI"),
        ("-999999999999999", "SI"),
        ("1e15", "e"),
        ("-1e30", "e"),
        ("1e-13", "SI"),
        ("1e-16", "e"),
    ],
)
def test_figures_beyond_all_letters_have_an_exponent_that_needs_no_style(largest: str, format: str) -> None:
    assert figure(series(largest, None))["layout"]["yaxis"]["exponentformat"] == format
