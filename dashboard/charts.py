"""Turn rows of usage into plotly figures as plain dictionaries. PURE: no plotly, no float; numbers stay Decimals until written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from core.money import plain
from dashboard.palette import Palette

Window = Literal["hour", "day", "week", "month"]
Kind = Literal["bar", "line"]
# One line each: plotly styles a second line within the page, which the content security policy blocks.
TICKS: Mapping[Window, str] = {"hour": "%-d %b %H:%M", "day": "%-d %b", "week": "%-d %b", "month": "%b ’%y"}
HOVER: Mapping[Window, str] = {"hour": "%a %-d %b, %H:%M", "day": "%a %-d %b %Y", "week": "week of %-d %b %Y", "month": "%B %Y"}
FONT = "Inter, system-ui, sans-serif"
_LETTERS_FROM, _LETTERS_UNTIL = Decimal("1e-13"), Decimal("1e15")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class Series:
    """One named row of points. points: (start of the window in the zone shown, quantity or None), ascending."""

    name: str
    points: Sequence[tuple[datetime, Decimal | None]]
    earlier: bool = False


def usage(
    *,
    series: Sequence[Series],
    window: Window,
    unit: str,
    palette: Palette,
    kind: Kind = "bar",
    running: bool = False,
    stacked: bool = False,
) -> dict[str, Any]:
    """Draw quantities over time, one colour a series; an earlier period is a dotted line in grey.

    window: the width of each point's span.  unit: the meter's unit, shown on hover.
    running: whether the latest span is not over; it is drawn paler, so that nobody takes it for a fall.
    stacked: whether the bars of a span lie on one another, as parts of a whole.
    """
    several = len(series) > 1
    traces = []
    colours = iter(palette.series * (1 + len(series) // len(palette.series)))
    for each in series:
        colour = palette.before if each.earlier else next(colours)
        if each.earlier or kind == "line":
            traces.append(_line(each, colour))
        else:
            traces.append(_bars(each, colour, running=running))
        traces[-1]["hovertemplate"] = _hover(window, unit, several=several)
    layout = _layout(palette, window, several=several)
    layout["yaxis"]["exponentformat"] = _exponents(series)
    if stacked:  # plotly would turn the legend of stacked bars round
        layout |= {"barmode": "stack", "legend": layout["legend"] | {"traceorder": "normal"}}
    return {"data": traces, "layout": layout}


def _exponents(series: Sequence[Series]) -> str:
    """Choose how an axis shortens its figures: k, M, G, T, and beyond what has a letter 1e+30.

    There plotly would raise the exponent by a style, which the content security policy blocks.
    """
    largest = max((abs(number) for each in series for _, number in each.points if number), default=Decimal(0))
    return "SI" if not largest or _LETTERS_FROM <= largest < _LETTERS_UNTIL else "e"


def _bars(series: Series, colour: str, *, running: bool) -> dict[str, Any]:
    count = len(series.points)
    fade = [Decimal(1)] * max(count - 1, 0) + [Decimal("0.5") if running else Decimal(1)]
    return {
        "type": "bar",
        **_points(series),
        "marker": {"color": colour, "opacity": fade[:count], "line": {"width": 0}, "cornerradius": 2},
    }


def _line(series: Series, colour: str) -> dict[str, Any]:
    dash = "dot" if series.earlier else "solid"
    return {
        "type": "scatter",
        "mode": "lines",
        **_points(series),
        "line": {"color": colour, "width": 2, "dash": dash, "shape": "linear"},
    }


def _points(series: Series) -> dict[str, Any]:
    return {
        "name": literal(series.name),
        "x": [start.strftime("%Y-%m-%dT%H:%M:%S") for start, _ in series.points],
        "y": [number for _, number in series.points],
        "customdata": ["–" if number is None else grouped(number) for _, number in series.points],
    }


def grouped(number: Decimal) -> str:
    """Write every digit of a quantity, grouped by threes: the tooltip must agree with the table to the last digit."""
    return f"{Decimal(plain(number)):,f}"


def _hover(window: Window, unit: str, *, several: bool) -> str:
    # No <b> here: plotly writes it as a style attribute, which the content security policy blocks.
    start = "%{fullData.name}" if several else f"%{{x|{HOVER[window]}}}"
    return f"{start}<br>%{{customdata}} {literal(unit)}<extra></extra>"


def literal(text: str) -> str:
    """Keep plotly from reading its own markup and templates in text that people wrote."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("%{", "% {")


def _layout(palette: Palette, window: Window, *, several: bool) -> dict[str, Any]:
    axis = {
        "gridcolor": palette.grid,
        "linecolor": palette.grid,
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"size": 11, "color": palette.text},
    }
    return {
        "autosize": True,
        "margin": {"l": 8, "r": 30, "t": 34 if several else 16, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": palette.text},
        "bargap": Decimal("0.28"),
        "hovermode": "x unified" if several else "closest",
        "hoverlabel": {
            "bgcolor": palette.surface,
            "bordercolor": palette.grid,
            "align": "left",
            "font": {"family": FONT, "size": 12, "color": palette.ink},
        },
        "showlegend": several,
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 12, "color": palette.text}},
        "xaxis": {
            **axis,
            "type": "date",
            "showgrid": False,
            "tickformat": TICKS[window],
            "automargin": True,
            "nticks": 8,
            "ticks": "",
            "hoverformat": HOVER[window],
            "spikecolor": palette.before,
            "spikethickness": 1,
            "spikedash": "dot",
        },
        "yaxis": {
            **axis,
            "rangemode": "tozero",
            "showline": False,
            "automargin": True,
            "nticks": 5,
            "separatethousands": True,
            "ticklabelstandoff": 8,
        },
    }


def to_json(figure: Mapping[str, Any]) -> bytes:
    """Write a figure; a Decimal becomes a JSON number with exactly its digits."""
    return _ENCODER.encode(figure)
