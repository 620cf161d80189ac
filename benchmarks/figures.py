"""Print a figure as one line of JSON: what was measured, its unit, what it is held against, and the ratio."""

import json
import sys


def show(
    figure: str, value: float, unit: str, *, baseline: str = "", baseline_value: float | None = None, **more: object
) -> None:
    """Print one figure; the ratio is value / baseline_value."""
    line: dict[str, object] = {"figure": figure, "value": round(value, 1), "unit": unit}
    if baseline_value:
        line |= {"baseline": f"{baseline} ({baseline_value:.0f} {unit})", "ratio": round(value / baseline_value, 3)}
    sys.stdout.write(json.dumps(line | more) + "\n")
    sys.stdout.flush()
