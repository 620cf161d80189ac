"""Judge a request to ingest that the fast path refused: read it untyped, and name every problem of every event. PURE."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from msgspec import Raw

from core import exact_json
from events.problems import BodyUnreadable, Problem
from events.validation import (
    CLOCK_SKEW,
    EMPTY,
    INTEGER_LIMIT,
    MAX_EVENTS,
    MAX_KEY,
    MAX_KEYS,
    MAX_STRING,
    MAX_TEXT,
    Doubt,
    Event,
    Judgement,
    NumberOutOfRange,
    Repeated,
    fraction,
    instant,
    judge_fast,
    same_content,
)

Finding = tuple[str, str, str]  # field, code, message
ID_FIELDS = ("event_id", "customer_id", "event_name")
LONGEST_INTEGER = 40  # characters; anything longer is out of range, and slow to read


class _Repeated(dict):
    """An object in which a key stands twice."""

    repeated: str


@dataclass(frozen=True)
class _BadNumber:
    """A number that is not finite, or outside what is stored."""

    code: str
    text: str


def judge(body: bytes, *, received_at: datetime, max_age: timedelta) -> Judgement:
    """Return the good events of a request and everything that is wrong with the others.

    received_at: the moment of receipt, from which the window [received_at - max_age, received_at + 5 minutes] is counted.
    Raises BodyUnreadable when the body is no JSON text.
    """
    try:
        return judge_fast(body, received_at=received_at, max_age=max_age)
    except Doubt:
        return judge_slowly(body, received_at=received_at, max_age=max_age)


def judge_slowly(body: bytes, *, received_at: datetime, max_age: timedelta) -> Judgement:
    """Do as judge() does, without the fast path."""
    request = read(body)
    whole = _request_problem(request)
    if whole is not None:
        return Judgement(events=[], indexes=[], problems=[whole])
    judgement = Judgement(events=[], indexes=[])
    window = (received_at - max_age, received_at + CLOCK_SKEW)
    first: dict[str, tuple[int, Event]] = {}
    for index, sent in enumerate(request["events"]):
        findings = list(_event_findings(sent, window=window))
        if findings:
            _refuse(judgement, index, sent, findings)
        elif sent["event_id"] in first:
            _judge_again(judgement, index, sent, *first[sent["event_id"]])
        else:
            event = _event(sent)
            first[event.event_id] = (index, event)
            judgement.events.append(event)
            judgement.indexes.append(index)
    return judgement


def _refuse(judgement: Judgement, index: int, sent: Any, findings: list[Finding]) -> None:
    """Note what is wrong with one event, and whose it is if that can be read."""
    event_id = _shown_id(sent)
    judgement.problems += [Problem(index, event_id, *finding) for finding in findings]
    customer_id = sent.get("customer_id") if isinstance(sent, dict) else None
    if findings and isinstance(customer_id, str) and all(field != "customer_id" for field, _, _ in findings):
        judgement.bad_customers.append((index, event_id, customer_id))


def read(body: bytes) -> Any:
    """Read a body untyped, with marks where a number is out of range or a key stands twice. Raises BodyUnreadable."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _unreadable("The body is not UTF-8", error.start) from error
    try:
        return json.loads(text, object_pairs_hook=_pairs, parse_float=_fraction, parse_int=_integer, parse_constant=_not_finite)
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode())
        raise _unreadable(f"The body is not JSON ({error.msg})", offset) from error
    except RecursionError as error:
        raise _unreadable("The body is nested too deeply", 0) from error


def _unreadable(reason: str, offset: int) -> BodyUnreadable:
    return BodyUnreadable(f'{reason} at byte {offset}. Send an object such as {{"events": […]}} as UTF-8 JSON.', offset=offset)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(pairs)
    if len(whole) == len(pairs):
        return whole
    seen: set[str] = set()
    marked = _Repeated(whole)
    marked.repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return marked


def _fraction(text: str) -> Decimal | _BadNumber:
    try:
        return fraction(text)
    except NumberOutOfRange:
        return _BadNumber("NUMBER_OUT_OF_RANGE", text)


def _integer(text: str) -> int | _BadNumber:
    if len(text) > LONGEST_INTEGER or abs(int(text)) >= INTEGER_LIMIT:
        return _BadNumber("NUMBER_OUT_OF_RANGE", text)
    return int(text)


def _not_finite(text: str) -> _BadNumber:
    return _BadNumber("NUMBER_NOT_FINITE", text)


def _request_problem(request: Any) -> Problem | None:
    if not isinstance(request, dict):
        return Problem(None, None, None, "WRONG_TYPE", f'The body is {_kind(request)}. Send an object: {{"events": […]}}.')
    if isinstance(request, _Repeated):
        return Problem(None, None, shown(request.repeated), "DUPLICATE_KEY", _duplicate_sentence(request))
    if "events" not in request:
        return Problem(None, None, "events", "MISSING_FIELD", "The body has no `events`. Send the events as a list of that name.")
    events = request["events"]
    if not isinstance(events, list):
        return Problem(
            None, None, "events", "WRONG_TYPE", f"`events` is {_kind(events)}. Send a list of 1 to {MAX_EVENTS} events."
        )
    if not events:
        return Problem(None, None, "events", "EMPTY_BATCH", f"`events` is empty. Send 1 to {MAX_EVENTS} events.")
    if len(events) > MAX_EVENTS:
        sentence = f"`events` holds {len(events)} events. Send at most {MAX_EVENTS} in one request, the rest in further ones."
        return Problem(None, None, "events", "TOO_MANY_EVENTS", sentence)
    return None


def _event_findings(sent: Any, *, window: tuple[datetime, datetime]) -> Iterator[Finding]:
    if not isinstance(sent, dict):
        yield "", "WRONG_TYPE", f"The event is {_kind(sent)}. Send an object with {', '.join(ID_FIELDS)}."
        return
    if isinstance(sent, _Repeated):
        yield shown(sent.repeated), "DUPLICATE_KEY", _duplicate_sentence(sent)
    for field in ID_FIELDS:
        yield from _id_findings(field, sent)
    if sent.get("timestamp") is not None:
        yield from _timestamp_findings(sent["timestamp"], window=window)
    if sent.get("metadata") is not None:
        yield from _metadata_findings(sent["metadata"])


def _id_findings(field: str, sent: dict[str, Any]) -> Iterator[Finding]:
    if field not in sent:
        yield field, "MISSING_FIELD", f"`{field}` is missing. Every event needs one."
        return
    text = sent[field]
    if not isinstance(text, str):
        yield field, "WRONG_TYPE", f"`{field}` is {_kind(text)}. Send a string."
    elif not text:
        yield field, "EMPTY_TEXT", f"`{field}` is empty. Send 1 to {MAX_TEXT} characters."
    elif len(text) > MAX_TEXT:
        yield field, "TOO_LONG", f"`{field}` has {len(text)} characters. Send at most {MAX_TEXT}."
    yield from _text_findings(field, text)


def _text_findings(field: str, text: Any) -> Iterator[Finding]:
    """Refuse what PostgreSQL cannot store: NUL, and halves of surrogate pairs."""
    if not isinstance(text, str):
        return
    if "\x00" in text:
        yield field, "INVALID_TEXT", f"`{shown(field)}` holds a NUL character (\\u0000). Take it out."
    if not _encodable(text):
        yield field, "INVALID_TEXT", f"`{shown(field)}` holds half of a surrogate pair. Send whole characters."


def _timestamp_findings(text: Any, *, window: tuple[datetime, datetime]) -> Iterator[Finding]:
    if not isinstance(text, str):
        yield "timestamp", "WRONG_TYPE", f"`timestamp` is {_kind(text)}. Send a string such as 2026-01-31T12:00:00Z."
        return
    try:
        moment = instant(text)
        too_early, too_late = moment < window[0], moment > window[1]
    except (ValueError, OverflowError):
        sentence = f"`timestamp` {shown(text)!r} is no RFC 3339 time. Send one such as 2026-01-31T12:00:00Z."
        yield "timestamp", "INVALID_TIMESTAMP", sentence
        return
    if too_early:
        sentence = f"`timestamp` {text} is too old: the earliest that is accepted now is {window[0]:%Y-%m-%dT%H:%M:%SZ}."
        yield "timestamp", "TIMESTAMP_TOO_OLD", sentence
    if too_late:
        sentence = f"`timestamp` {text} lies in the future: the latest that is accepted now is {window[1]:%Y-%m-%dT%H:%M:%SZ}."
        yield "timestamp", "TIMESTAMP_IN_FUTURE", sentence + " Check the sender's clock."


def _metadata_findings(metadata: Any) -> Iterator[Finding]:
    if not isinstance(metadata, dict):
        yield "metadata", "WRONG_TYPE", f"`metadata` is {_kind(metadata)}. Send a flat object."
        return
    if isinstance(metadata, _Repeated):
        yield f"metadata.{shown(metadata.repeated)}", "DUPLICATE_KEY", _duplicate_sentence(metadata)
    if len(metadata) > MAX_KEYS:
        yield "metadata", "TOO_MANY_KEYS", f"`metadata` has {len(metadata)} keys. Send at most {MAX_KEYS}."
    for key, entry in islice(metadata.items(), MAX_KEYS):  # a body has room for a million keys, each wrong in two ways
        yield from _entry_findings(key, entry)


def _entry_findings(key: str, entry: Any) -> Iterator[Finding]:
    field = f"metadata.{shown(key)}"
    yield from ((field, code, message) for _, code, message in _text_findings(f"the key {key}", key))
    if len(key) > MAX_KEY:
        yield field, "TOO_LONG", f"The key {shown(key)!r} has {len(key)} characters. Send at most {MAX_KEY}."
    if isinstance(entry, str):
        if len(entry) > MAX_STRING:
            yield field, "TOO_LONG", f"`{field}` has {len(entry)} characters. Send at most {MAX_STRING}."
        yield from _text_findings(field, entry)
    elif isinstance(entry, _BadNumber) and entry.code == "NUMBER_NOT_FINITE":
        yield field, entry.code, f"`{field}` is {entry.text}. Send a finite number, or leave the key out."
    elif isinstance(entry, _BadNumber):
        sentence = f"`{field}` is out of range. Send less than 10^30, at most 38 significant digits and 18 decimals."
        yield field, entry.code, sentence
    elif entry is None:
        yield field, "NULL_VALUE", f"`{field}` is null. Leave the key out instead."
    elif isinstance(entry, dict | list):
        yield field, "NESTED_METADATA", f"`{field}` is {_kind(entry)}. Send strings, numbers or booleans only."


def _judge_again(judgement: Judgement, index: int, sent: dict[str, Any], earlier_index: int, earlier: Event) -> None:
    """Judge an event whose id stands at an earlier place of the request."""
    event = _event(sent)
    if same_content(event, earlier):
        judgement.repeated.append(Repeated(index, event.event_id, event.customer_id, earlier_index, earlier.customer_id))
    else:
        _refuse(judgement, index, sent, [other_content(earlier_index)])


def other_content(earlier_index: int) -> Finding:
    """Say that an id stands at an earlier place of the request, with other content."""
    sentence = f"`event_id` stands at index {earlier_index} too, with other content. Give each event an id of its own."
    return "event_id", "EVENT_ID_REPEATED", sentence


def _event(sent: dict[str, Any]) -> Event:
    timestamp, metadata = sent.get("timestamp"), sent.get("metadata")
    return Event(
        event_id=sent["event_id"],
        customer_id=sent["customer_id"],
        event_name=sent["event_name"],
        timestamp=None if timestamp is None else instant(timestamp),
        metadata=Raw(exact_json.dumps(metadata)) if metadata else EMPTY,
    )


def _duplicate_sentence(where: _Repeated) -> str:
    return f"The key {shown(where.repeated)!r} stands twice in one object. Send each key once."


def _shown_id(sent: Any) -> str | None:
    event_id = sent.get("event_id") if isinstance(sent, dict) else None
    return shown(event_id, MAX_TEXT) if isinstance(event_id, str) else None


def shown(text: str, limit: int = 100) -> str:
    """Make a text safe to answer with and to store: short, whole characters only, no NUL."""
    return text[:limit].replace("\x00", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(entry: Any) -> str:
    kinds = {bool: "a boolean", int: "a number", Decimal: "a number", str: "a string", list: "a list", type(None): "null"}
    return kinds.get(type(entry), "a number" if isinstance(entry, _BadNumber) else "an object")
