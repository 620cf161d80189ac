"""Give figures the colours of static/css/tokens.css, once for light and once for dark. PURE; a test holds the two together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """The colours of one theme. series: in order of use; before: an earlier period shown for comparison."""

    series: tuple[str, ...]
    before: str
    grid: str
    text: str
    surface: str
    ink: str


LIGHT = Palette(
    series=("#0b7a85", "#d1780b", "#6b52c8", "#c2417a", "#3f7d2f", "#2f6fd0"),
    before="#263033",
    grid="#ececea",
    text="#636b6d",
    surface="#ffffff",
    ink="#191c1d",
)
DARK = Palette(
    series=("#4fc3cc", "#f0ab4a", "#a995f5", "#f087b3", "#8ecb77", "#7fb0fa"),
    before="#e6eaea",
    grid="#25292b",
    text="#98a0a2",
    surface="#181b1c",
    ink="#edefef",
)
THEMES = {"light": LIGHT, "dark": DARK}
