"""Decode a request to ingest and find all that is wrong with it, in microseconds when nothing is. PURE.

# Note [Two paths]
The fast path decodes into typed structs and checks only what the types cannot say. On any doubt (a failed decode, a value out of
bounds, a possible duplicate key) the body is judged again by events.judgement, which is exact, slow, and names every problem. The fast
path may doubt wrongly, at the price of time; it must never accept what the slow one refuses (a hypothesis law holds this).
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Clamped, Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow, Rounded
from hashlib import blake2b
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw

from core.exact_json import comparable
from events.problems import Problem

MAX_EVENTS = 1000
MAX_TEXT = 255  # event_id, customer_id and event_name, in characters
MAX_KEYS = 50
MAX_KEY = 100
MAX_STRING = 500
MAX_DIGITS = 38
MAX_DECIMALS = 18
INTEGER_DIGITS = 30  # before the point
INTEGER_LIMIT = 10**INTEGER_DIGITS
CLOCK_SKEW = timedelta(minutes=5)  # how far ahead of the receipt a sender's clock may run

KEY_BYTES = 16  # of an event's key
EMPTY = Raw(b"{}")

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class Event(msgspec.Struct, gc=False):
    """One event as it was sent. Once judged, `timestamp` is the moment, or None when none was sent, and `metadata` a flat object."""

    event_id: Text
    customer_id: Text
    event_name: Text
    timestamp: Any = UNSET
    metadata: Raw = Raw()


class _Request(msgspec.Struct):
    events: Annotated[list[Event], Meta(min_length=1, max_length=MAX_EVENTS)]


@dataclass(frozen=True, slots=True)
class Repeated:
    """An event that says what another with its id says, earlier in the request; whose customers may have two names, or be two."""

    index: int
    event_id: str
    customer_id: str
    earlier_index: int
    earlier_customer_id: str


@dataclass(slots=True)
class Judgement:
    """What a request holds.

    indexes: the place in the request of each of `events`, which are good and have distinct ids.  repeated: events left out because the
    same one stands earlier.  bad_customers: (index, event_id, customer_id) of readable customer ids of bad events, so that an unknown
    customer is told in the same answer as the rest.
    """

    events: list[Event]
    indexes: list[int]
    problems: list[Problem] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)
    bad_customers: list[tuple[int, str | None, str]] = field(default_factory=list)


class Doubt(Exception):
    """The fast path cannot vouch for this body."""


class NumberOutOfRange(ValueError):
    """More than 38 significant digits, 10^30 or greater, or more than 18 decimals."""


def digest(event_id: bytes) -> bytes:
    """Return the 16-byte key of an event id in UTF-8."""
    return blake2b(event_id, digest_size=KEY_BYTES).digest()


def identity(event_id: str) -> str:
    """Return the key of an event id as 32 hexadecimal digits."""
    return digest(event_id.encode()).hex()


def fraction(text: str) -> Decimal:
    """Read a JSON number with a point or an exponent, exactly. Raises NumberOutOfRange."""
    if len(text) <= MAX_DECIMALS and "e" not in text and "E" not in text:
        return Decimal(text)
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise NumberOutOfRange(text) from error
    if not is_storable(number):
        raise NumberOutOfRange(text)
    return number


def is_storable(number: Decimal) -> bool:
    """Tell whether a number is within what metadata holds (semantics.md [23]), before it is expanded to its digits."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):  # not finite
        return False
    return len(digits) <= MAX_DIGITS and number.adjusted() < INTEGER_DIGITS and exponent >= -MAX_DECIMALS


_timestamp = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?([Zz]|[+-]\d\d:[0-5]\d)?", re.ASCII).fullmatch


_USUAL = {"--T::Z", "--T::."}  # what stands at every third place of 2026-01-31T12:00:00Z, with or without a fraction


def instant(text: str) -> datetime:
    """Read an RFC 3339 time (no zone: UTC; beyond microseconds cut) as an aware datetime.

    Raises ValueError for any other form, and for a date or time that does not exist.
    """
    if text[4:20:3] in _USUAL and text[-1] == "Z" and 21 != len(text) <= 27:  # a third of the time that the pattern takes
        return datetime.fromisoformat(text)
    match = _timestamp(text)
    if match is None:
        raise ValueError(text)
    moment = datetime.fromisoformat(text.upper())
    return moment if match[1] else moment.replace(tzinfo=UTC)


# Reads what has up to 19 digits as fraction() does, in half the time, and refuses all else.
_short = Context(prec=MAX_DECIMALS + 1, Emin=0, Emax=29, traps=[Inexact, Rounded, Clamped, Overflow, InvalidOperation])

_decode = msgspec.json.Decoder(_Request).decode
_decode_short = msgspec.json.Decoder(dict[str, Any] | None, float_hook=_short.create_decimal).decode
_decode_exactly = msgspec.json.Decoder(dict[str, Any] | None, float_hook=fraction).decode
_BLANKS = b" \t\r\n"


def judge_fast(body: bytes, *, received_at: datetime, max_age: timedelta) -> Judgement:
    """Return the events of a body with nothing wrong. Raises Doubt for every other."""
    try:
        events = _decode(body).events
        pairs = 1 + _check(events, earliest=received_at - max_age, latest=received_at + CLOCK_SKEW)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise Doubt from error
    if b"\\" in body and b"\\u0000" in body:  # one byte is found twenty times as fast as six
        raise Doubt("NUL")
    if len({event.event_id for event in events}) != len(events):
        raise Doubt("event_id repeated")
    packed = body.translate(None, _BLANKS) if any(blank in body for blank in _BLANKS) else body
    if packed.count(b'":') != pairs and _has_duplicate_keys(body):
        raise Doubt("duplicate key")
    return Judgement(events=events, indexes=list(range(len(events))))


def _check(events: list[Event], *, earliest: datetime, latest: datetime) -> int:
    """Check what the types cannot say, normalise in place, and count the key-value pairs. Raises ValueError.

    Metadata is read here and let go of: what is stored is the text, and a thousand objects that are kept cost more than reading them.
    """
    pairs = 0
    for event in events:
        pairs += 3
        sent = event.timestamp
        if sent is UNSET:
            event.timestamp = None
        else:
            pairs += 1
            if sent is not None:
                if type(sent) is not str:
                    raise ValueError(sent)
                event.timestamp = moment = instant(sent)
                if not earliest <= moment <= latest:
                    raise ValueError(sent)
        text = event.metadata
        if text:
            pairs += 1
            metadata = _decode_metadata(text)
            if metadata:
                pairs += len(metadata)
                _check_values(metadata.values())
                if len(text) > MAX_KEY:  # or it has no room for anything too long
                    _check_lengths(metadata)
                continue
        event.metadata = EMPTY
    return pairs


def _decode_metadata(text: Raw) -> dict[str, Any] | None:
    try:
        return _decode_short(text)
    except DecimalException:
        return _decode_exactly(text)


def _check_values(entries: Iterable[Any]) -> None:
    for entry in entries:
        kind = type(entry)
        if kind is str or kind is bool or kind is Decimal:
            continue
        if kind is not int or not -INTEGER_LIMIT < entry < INTEGER_LIMIT:
            raise ValueError(entry)


def _check_lengths(metadata: dict[str, Any]) -> None:
    if len(metadata) > MAX_KEYS:
        raise ValueError("too many keys")
    for key, entry in metadata.items():
        if len(key) > MAX_KEY or (type(entry) is str and len(entry) > MAX_STRING):
            raise ValueError(key)


# Note [Duplicate keys]
# Decoders keep the last of two equal keys in silence. With blanks taken out, every key of an object ends in `":`, so the body holds at
# least as many `":` as it has pairs; a string may only add some. When their number equals that of the pairs that came out of the decoder,
# no pair was lost. Otherwise (unknown fields, or `":` within a string) the body is read once more by a decoder that shows all pairs.
def _has_duplicate_keys(body: bytes) -> bool:
    found = False

    def see(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found = found or len({key for key, _ in pairs}) != len(pairs)

    try:
        json.loads(body.decode(), object_pairs_hook=see, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:  # in a field that no type names, and that the decoder passed over
        raise Doubt from error
    return found


def same_content(one: Event, other: Event) -> bool:
    """Tell whether two judged events with one id say the same (semantics.md [22]); a timestamp counts only if both were sent with one.

    Of whom they say it is for the caller to compare: a customer may have two names.
    """
    if one.event_name != other.event_name:
        return False
    if one.timestamp and other.timestamp and one.timestamp != other.timestamp:
        return False
    return _comparable(one.metadata) == _comparable(other.metadata)


def _comparable(metadata: Raw) -> dict[str, tuple[bool, Any]]:
    return comparable(_decode_exactly(metadata) or {})
