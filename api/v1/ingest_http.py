"""Say in HTTP what POST /events/ingest takes and answers: one meaning for the raw coroutine and for the view."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from access import keys
from access.models import Scope
from core.errors import DomainError
from events import delivery
from events.ingest import RequestRefused
from events.problems import LISTED_PROBLEMS, Problem
from events.store import IngestResult, Taken

RETRY_AFTER_SECONDS = 1
MOST_MEMBERS = 1000  # of a gzip body: to begin one costs more than its few bytes, and it may hold none
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Reply:
    """A status, a JSON body, and headers beside Content-Type and Content-Length."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Unacceptable(DomainError):
    """The transport of the request is at fault, before any event is looked at."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


def bearer_secret(header: str) -> str:
    """Return the secret of an Authorization header. Raises Unacceptable when it holds none."""
    scheme, _, secret = header.partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise no_key()
    return secret.strip()


def no_key() -> Unacceptable:
    """Make the answer to a request without a valid key."""
    sentence = "Send a valid API key as `Authorization: Bearer KEY`."
    return Unacceptable(401, "UNAUTHORIZED", sentence, {"WWW-Authenticate": "Bearer"})


def check_scope(scope: str) -> None:
    """Let a key pass that may ingest. Raises Unacceptable."""
    if not keys.allows(scope, Scope.INGEST):
        raise Unacceptable(403, "SCOPE_MISSING", f"This needs an API key of scope ingest or write; yours has scope {scope}.")


class Unpacker:
    """Gather a body piece by piece, unpacked, and stop as soon as it is larger than allowed.

    The limit holds for the packed and for the unpacked size, so that neither a great body nor a small one that unpacks to a great one
    takes memory.
    """

    def __init__(self, encoding: str, *, limit: int) -> None:
        if encoding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            sentence = f"Content-Encoding {encoding[:40]!r} is not understood. Send gzip, deflate or none."
            raise Unacceptable(415, "UNSUPPORTED_MEDIA_TYPE", sentence)
        self._encoding = "" if encoding == "identity" else encoding
        self._limit = limit
        self._received = 0
        self.size = 0  # unpacked, so far
        self._members = 0
        self._parts: list[bytes] = []
        self._inflate: Any = None

    def feed(self, piece: bytes) -> None:
        """Take the next piece as it came over the wire. Raises Unacceptable."""
        self._received += len(piece)
        if self._received > self._limit:
            raise self._too_large()
        if not self._encoding:
            self._parts.append(piece)
        elif piece:
            self._unpack(piece)

    def body(self) -> bytes:
        """Return the whole unpacked body. Raises Unacceptable when it ends too early."""
        if self._encoding and self._received and (self._inflate is None or not self._inflate.eof):
            raise self._broken("ends too early")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _unpack(self, piece: bytes) -> None:
        while piece:
            if self._inflate is None or self._inflate.eof:  # a gzip body may consist of several members
                self._members += 1
                if self._members > MOST_MEMBERS:
                    raise self._broken(f"consists of more than {MOST_MEMBERS} members")
                self._inflate = zlib.decompressobj(self._window_bits(piece))
            try:
                unpacked = self._inflate.decompress(piece, self._limit - self.size + 1)
            except zlib.error as error:
                raise self._broken("cannot be unpacked") from error
            self.size += len(unpacked)
            if self.size > self._limit:
                raise self._too_large()
            self._parts.append(unpacked)
            piece = self._inflate.unused_data

    def _window_bits(self, piece: bytes) -> int:
        if self._encoding == "deflate":  # RFC 9110 means zlib's format; some senders leave its header out
            return zlib.MAX_WBITS if piece[0] & 0x0F == 8 else -zlib.MAX_WBITS
        return zlib.MAX_WBITS | 16

    def _broken(self, how: str) -> Unacceptable:
        return Unacceptable(
            422, "INVALID_JSON", f"The body {how} as {self._encoding}. Send it whole, or without Content-Encoding."
        )

    def _too_large(self) -> Unacceptable:
        sentence = f"The body is larger than {self._limit} bytes, unpacked. Send less in one request."
        return Unacceptable(413, "BODY_TOO_LARGE", sentence)


_handling = re.compile(r'[ \t]*handling[ \t]*=[ \t]*"?(\w*)"?[ \t]*', re.ASCII | re.IGNORECASE).fullmatch


def wants_lenient(prefer: str) -> bool:
    """Tell whether a Prefer header asks for handling=lenient, perhaps in quotes; the first of several kinds counts (RFC 7240, 2)."""
    asked = (_handling(part.split(";")[0]) for part in prefer.split(","))
    return next((found[1].lower() == "lenient" for found in asked if found), False)


def accepted(result: IngestResult, *, lenient: bool) -> Reply:
    """Answer a request whose events, or whose good events, are committed."""
    if not lenient and result.ingested_count == result.event_count:  # the common case
        return Reply(200, b'{"ingested_count":%d,"duplicate_count":0,"conflicts":[]}' % result.ingested_count)
    answer: dict[str, Any] = {
        "ingested_count": result.ingested_count,
        "duplicate_count": result.duplicate_count,
        "conflicts": _taken(result.conflicts, "EVENT_ID_CONFLICT", "This event_id was taken by other content, which stands."),
    }
    if result.voided:
        answer["voided"] = _taken(
            result.voided, "EVENT_VOIDED", "The event that stands under this event_id is voided and does not count."
        )
    if lenient:
        answer |= {"errors": _listed(result.errors), "error_count": len(result.errors)}
    return Reply(200, _encode(answer), {"Preference-Applied": "handling=lenient"} if lenient else {})


def refused(error: Exception) -> Reply:
    """Answer with what was wrong; an error that is no domain error is not expected here and raised again."""
    if isinstance(error, RequestRefused):
        answer = {
            "code": error.code,
            "message": error.message,
            "errors": _listed(error.problems),
            "error_count": len(error.problems),
        }
        return Reply(error.status, _encode(answer))
    if isinstance(error, Unacceptable):
        return Reply(error.status, _encode({"code": error.code, "message": error.message}), error.headers)
    if isinstance(error, DomainError):  # OutcomeUnknown, TooBusy
        return Reply(503, _encode({"code": error.code, "message": error.message}), {"Retry-After": str(RETRY_AFTER_SECONDS)})
    raise error


def count_refused(key_id: int, error: DomainError, *, at: datetime) -> None:
    """Count in the figures of a key what was refused without being kept; what is kept (RequestRefused) is counted there."""
    if not isinstance(error, RequestRefused):
        delivery.note_refused(key_id, at=at, code=error.code)


def _taken(taken: Sequence[Taken], code: str, message: str) -> list[dict[str, Any]]:
    return [{"index": one.index, "event_id": one.event_id, "code": code, "message": message} for one in taken]


def _listed(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [
        {"index": one.index, "event_id": one.event_id, "field": one.field, "code": one.code, "message": one.message}
        for one in problems[:LISTED_PROBLEMS]
    ]
