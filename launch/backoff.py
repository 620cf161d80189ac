"""Wait longer each time the same thing fails again at once."""

import time
from dataclasses import dataclass

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 30.0
"""What lasted this long starts again at the first pause."""


@dataclass
class Backoff:
    """The pause before one thing is tried again: 0.5 s, doubled at each failure up to 30 s."""

    _pause: float = FIRST_PAUSE_SECONDS
    _started: float = 0.0
    _due: float = 0.0

    def started(self) -> None:
        """Note that it was tried now."""
        self._started = time.monotonic()

    def failed(self) -> float:
        """Note that it failed now, and return the seconds until it is due again."""
        if time.monotonic() - self._started > HEALTHY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE_SECONDS)
        self._due = time.monotonic() + pause
        return pause

    @property
    def due(self) -> bool:
        """Tell whether its pause is over."""
        return time.monotonic() >= self._due
