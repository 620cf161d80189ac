"""Let tests strike a process down, or make it fail, at places where only bad luck would.

Honoured only where settings.FAULT_POINTS is true, which no production settings set. Two ways: settings.FAULT_CHANCES gives a place the
chance with which the whole process is killed (kill -9) there, for tests with real processes; `striking` runs a function there, for
tests within one process.
"""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings

_strikes: dict[str, Callable[[], None]] = {}


def fault(place: str) -> None:
    """Do at `place` what a test asked for; nothing in production."""
    if not settings.FAULT_POINTS:
        return
    if place in _strikes:
        _strikes[place]()
    if random.random() < settings.FAULT_CHANCES.get(place, 0):  # noqa: S311 -- chance, not secrecy
        os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def striking(place: str, strike: Callable[[], None]) -> Iterator[None]:
    """Run `strike` at `place` for the length of a with block."""
    _strikes[place] = strike
    try:
        yield
    finally:
        del _strikes[place]
