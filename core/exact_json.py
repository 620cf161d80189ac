"""Read and write JSON without losing a digit: fractions are Decimals on both sides. PURE.

For JSON columns: `models.JSONField(encoder=ExactEncoder, decoder=ExactDecoder)`.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_encoder = msgspec.json.Encoder(decimal_format="number")
_reader = msgspec.json.Decoder(float_hook=Decimal)


def dumps(source: Any) -> str:
    """Write JSON; a Decimal becomes a JSON number with its very digits."""
    return _encoder.encode(source).decode()


def loads(text: str | bytes) -> Any:
    """Read JSON; a number with a point or an exponent becomes a Decimal, another an int. Raises json.JSONDecodeError."""
    # json.loads makes a decoder anew for each text, which takes longer than most texts.
    return _decoder.decode(text) if isinstance(text, str) else json.loads(text, cls=ExactDecoder)


def of_jsonb(text: str) -> Any:
    """Read what PostgreSQL wrote of a jsonb column as loads() does, in a third of the time."""
    return _reader.decode(text)


def comparable(pairs: Mapping[str, Any]) -> dict[str, tuple[bool, Any]]:
    """Keep True apart from 1 in flat pairs, which Python takes for equal and jsonb does not."""
    return {key: (isinstance(entry, bool), entry) for key, entry in pairs.items()}


class ExactEncoder(json.JSONEncoder):
    """dumps as the encoder class that Django's JSONField asks for."""

    def encode(self, o: Any) -> str:
        return dumps(o)


class ExactDecoder(json.JSONDecoder):
    """loads as the decoder class that Django's JSONField asks for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "parse_float": Decimal})


_decoder = ExactDecoder()
