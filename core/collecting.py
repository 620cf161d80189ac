"""Spare work that makes masses of plain objects the search for reference cycles, which would look at each of them again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Run the block without automatic garbage collection; what nothing refers to any more is freed at once all the same.

    For one bounded piece of work whose objects form no cycles, in a process that does nothing else meanwhile: it holds for all threads.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
