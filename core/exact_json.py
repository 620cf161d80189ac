"""Read and write JSON without losing a digit: fractions are Decimals on both sides. PURE.

For JSON columns: `models.JSONField(encoder=ExactEncoder, decoder=ExactDecoder)`.
"""

import json
from decimal import Decimal
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="number")


def dumps(source: Any) -> str:
    """Write JSON; a Decimal becomes a JSON number with its very digits."""
    return _encoder.encode(source).decode()


def loads(text: str | bytes) -> Any:
    """Read JSON; a number with a point or an exponent becomes a Decimal, another an int. Raises json.JSONDecodeError."""
    return json.loads(text, cls=ExactDecoder)


class ExactEncoder(json.JSONEncoder):
    """dumps as the encoder class that Django's JSONField asks for."""

    def encode(self, o: Any) -> str:
        return dumps(o)


class ExactDecoder(json.JSONDecoder):
    """loads as the decoder class that Django's JSONField asks for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "parse_float": Decimal})
