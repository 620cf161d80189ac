import re

import pytest
from django.conf import settings

from dashboard.palette import DARK, LIGHT, Palette

TOKENS = (settings.BASE_DIR / "static" / "css" / "tokens.css").read_text()


def token(name: str) -> tuple[str, str]:
    found = re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\);", TOKENS)
    assert found, name
    return found.group(1), found.group(2)


@pytest.mark.parametrize(("palette", "side"), [(LIGHT, 0), (DARK, 1)])
def test_figures_have_the_colours_of_the_stylesheet(palette: Palette, side: int) -> None:
    expected = Palette(
        series=tuple(token(f"chart-{number}")[side] for number in range(1, 7)),
        before=token("chart-before")[side],
        grid=token("chart-grid")[side],
        text=token("chart-text")[side],
        surface=token("chart-surface")[side],
        ink=token("chart-ink")[side],
    )

    assert palette == expected


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("text", ["ink", "ink-soft", "ink-muted", "accent", "good", "warn", "bad", "note"])
@pytest.mark.parametrize("surface", ["canvas", "sunken", "surface", "raised", "hover"])
def test_text_stands_out_from_every_surface(text: str, surface: str, side: int) -> None:
    assert contrast(token(text)[side], token(surface)[side]) >= 4.5


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("tone", ["good", "warn", "bad", "note"])
def test_the_word_on_a_badge_can_be_read(tone: str, side: int) -> None:
    assert contrast(token(tone)[side], token(f"{tone}-wash")[side]) >= 4.5
