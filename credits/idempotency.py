"""Hold a request that comes again under a key of its sender's to what its first one asked for. PURE."""

from collections.abc import Mapping
from typing import Any

from core.errors import DomainError


class IdempotencyKeyReused(DomainError):
    """The key was used for something else: a retry repeats its request, and what was wanted now was not done."""

    code = "IDEMPOTENCY_KEY_REUSED"


def hold_to(first: Mapping[str, Any], again: Mapping[str, Any], *, what: str) -> None:
    """Raise IdempotencyKeyReused, naming the fields, where what a key asks for again is not what it asked for first.

    first, again: by the names of the request's fields.  what: that the key made, as a phrase.
    """
    other = [f"`{name}`" for name in again if first[name] != again[name]]
    if other:
        raise IdempotencyKeyReused(
            f"This idempotency_key was used for {what} with another {', '.join(other)}. Repeat that request, or send this one "
            "with a key of its own.",
            field="idempotency_key",
        )
