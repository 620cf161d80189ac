"""Pausing the garbage collector."""

import gc

from core.collecting import uncollected


def test_collection_goes_on_after_the_block_as_it_was_before():
    with uncollected():
        inside = gc.isenabled()
        with uncollected():
            pass
        still = gc.isenabled()

    assert (inside, still, gc.isenabled()) == (False, False, True)
