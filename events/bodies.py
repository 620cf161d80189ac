"""Take the kept body of a refused request apart, and make it readable, whatever a sender put into it. PURE."""

import json
import re
import unicodedata
from collections.abc import Generator, Iterator, Sequence
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from core.errors import DomainError
from events import judgement
from events.problems import BodyUnreadable

# Numbers stay text: nobody computes with them here, and one of 5000 digits would be refused by int().
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_blank = re.compile(r"[ \t\r\n]*").match


class EventsUnreadable(DomainError):
    """The events of a body cannot be told apart."""

    code = "EVENTS_UNREADABLE"

    def __init__(self) -> None:
        super().__init__("The events of this request cannot be told apart. The sender has to mend the body and send it again.")


def event_texts(body: bytes, *, is_whole: bool) -> list[str]:
    """Return the text of each event, exactly as it was sent, in the order of the request.

    is_whole: False where only the beginning of the body was kept; then the events that are whole in it are returned.
    Raises EventsUnreadable.
    """
    found: list[str] = []
    try:
        text = body.decode(errors="strict" if is_whole else "ignore")
        for each in _events(text):
            found.append(each)
    except (ValueError, IndexError, RecursionError) as error:
        if is_whole or not found:
            raise EventsUnreadable from error
    return found


def _events(text: str) -> Iterator[str]:
    """Walk the outermost object and yield the text of each member of `events`. Raises ValueError, IndexError."""
    at, seen = _after(text, 0, "{"), False
    while text[at] != "}":
        key, at = scanstring(text, _after(text, at, '"', blank=False))
        at = _after(text, at, ":")
        if key == "events" and seen:
            raise ValueError("two lists of events")
        if key == "events":
            seen = True
            at = yield from _members(text, at)
        else:
            _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _members(text: str, at: int) -> Generator[str, None, int]:
    """Yield the text of each member of a list, and return the place behind it."""
    at = _after(text, at, "[")
    while text[at] != "]":
        start = at
        _, at = _DECODER.raw_decode(text, at)
        yield text[start:at]
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return at + 1


def _after(text: str, at: int, mark: str, *, blank: bool = True) -> int:
    at = _skip(text, at)
    if text[at] != mark:
        raise ValueError(f"no {mark} at {at}")
    return _skip(text, at + 1) if blank else at + 1


def _skip(text: str, at: int) -> int:
    match = _blank(text, at)
    return match.end() if match else at


def joined(texts: Sequence[str]) -> bytes:
    """Make a request of event texts, each exactly as it was sent."""
    return ('{"events":[' + ",".join(texts) + "]}").encode()


def event_id(text: str) -> str:
    """Return the id of an event's text, or '' where none can be read."""
    try:
        sent: Any = judgement.read(text.encode())
    except BodyUnreadable:
        return ""
    found = sent.get("event_id") if isinstance(sent, dict) else None
    return judgement.shown(found, len(found)) if isinstance(found, str) else ""


def readable(body: bytes, *, most: int) -> str:
    """Write a body so that a person can read it and a page can hold it: at most `most` characters, every odd one named.

    What is no UTF-8 appears as \\xNN, a control, format or private character as its code point: nothing is hidden, nothing runs.
    """
    text = body[: 4 * most].decode(errors="backslashreplace")[:most]
    return "".join(_named(character) for character in text)


def _named(character: str) -> str:
    if character in "\n\t":
        return character
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"} or character in "\u2028\u2029":
        return f"\\u{{{ord(character):04x}}}"
    return character
