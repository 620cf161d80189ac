"""Bodies that a sender should not send, each with the status and the code that it gets: one table for every way in."""

import gzip
import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Hostile:
    """One body. `codes` are those of `errors`, in order; `code` that of the whole answer."""

    name: str
    body: bytes
    status: int
    codes: tuple[str, ...]

    @property
    def code(self) -> str:
        return self.codes[0] if len(set(self.codes)) == 1 else "INVALID_EVENTS"


def _event(**fields: object) -> dict[str, object]:
    return {"event_id": "hostile-1", "customer_id": CUSTOMER, "event_name": "api.call"} | fields


def _body(*events: object) -> bytes:
    return json.dumps({"events": events}).encode()


def _raw(metadata: str, more: str = "") -> bytes:
    ids = f'"event_id":"hostile-1","customer_id":"{CUSTOMER}","event_name":"api.call"'
    return f'{{"events":[{{{ids}{more},"metadata":{metadata}}}]}}'.encode()


def _shifted(**shift: float) -> str:
    return (datetime.now(UTC) + timedelta(**shift)).isoformat()


CUSTOMER = "cus_hostile0000000000000"
ARCHIVED = "cus_archived000000000000"

HOSTILE = (
    Hostile("empty body", b"", 422, ("INVALID_JSON",)),
    Hostile("not JSON", b'{"events": [}', 422, ("INVALID_JSON",)),
    Hostile("two texts", b'{"events": []} {}', 422, ("INVALID_JSON",)),
    Hostile("byte order mark", b"\xef\xbb\xbf" + _body(_event()), 422, ("INVALID_JSON",)),
    Hostile("not UTF-8", _raw('{"k":"x"}').replace(b"x", b"\xff"), 422, ("INVALID_JSON",)),
    Hostile("UTF-16", _body(_event()).decode().encode("utf-16"), 422, ("INVALID_JSON",)),
    Hostile("raw surrogate", _raw('{"k":"x"}').replace(b"x", b"\xed\xa0\x80"), 422, ("INVALID_JSON",)),
    Hostile("raw control character", _raw('{"k":"a\tb"}'), 422, ("INVALID_JSON",)),
    Hostile("nested a hundred thousand deep", b"[" * 100_000, 422, ("INVALID_JSON",)),
    Hostile("nested deep in a field", _raw("[" * 100_000 + "]" * 100_000), 422, ("INVALID_JSON",)),
    Hostile("a list", b"[]", 422, ("WRONG_TYPE",)),
    Hostile("null", b"null", 422, ("WRONG_TYPE",)),
    Hostile("a string", b'"events"', 422, ("WRONG_TYPE",)),
    Hostile("no events", b"{}", 422, ("MISSING_FIELD",)),
    Hostile("events null", b'{"events":null}', 422, ("WRONG_TYPE",)),
    Hostile("events an object", b'{"events":{}}', 422, ("WRONG_TYPE",)),
    Hostile("events twice", b'{"events":[],"events":[]}', 422, ("DUPLICATE_KEY",)),
    Hostile("empty batch", b'{"events":[]}', 400, ("EMPTY_BATCH",)),
    Hostile("1001 events", _body(*[_event(event_id=f"hostile-{n}") for n in range(1001)]), 400, ("TOO_MANY_EVENTS",)),
    Hostile("an event null", _body(None), 422, ("WRONG_TYPE",)),
    Hostile("an event a list", _body([]), 422, ("WRONG_TYPE",)),
    Hostile("nothing in it", _body({}), 422, ("MISSING_FIELD", "MISSING_FIELD", "MISSING_FIELD")),
    Hostile("event_id a number", _body(_event(event_id=1)), 422, ("WRONG_TYPE",)),
    Hostile("event_id null", _body(_event(event_id=None)), 422, ("WRONG_TYPE",)),
    Hostile("event_id empty", _body(_event(event_id="")), 400, ("EMPTY_TEXT",)),
    Hostile("event_id too long", _body(_event(event_id="x" * 256)), 400, ("TOO_LONG",)),
    Hostile("event_id with NUL", _body(_event(event_id="a\x00b")), 422, ("INVALID_TEXT",)),
    Hostile("event_id half a surrogate", _body(_event(event_id="\ud800")), 422, ("INVALID_TEXT",)),
    Hostile("event_name with NUL", _body(_event(event_name="\x00")), 422, ("INVALID_TEXT",)),
    Hostile("customer_id missing", b'{"events":[{"event_id":"h","event_name":"n"}]}', 422, ("MISSING_FIELD",)),
    Hostile("customer unknown", _body(_event(customer_id="cus_nobody")), 400, ("CUSTOMER_NOT_FOUND",)),
    Hostile("customer archived", _body(_event(customer_id=ARCHIVED)), 400, ("CUSTOMER_ARCHIVED",)),
    Hostile("customer_id true", _body(_event(customer_id=True)), 422, ("WRONG_TYPE",)),
    Hostile("event_name a list", _body(_event(event_name=["n"])), 422, ("WRONG_TYPE",)),
    Hostile("customer_id with NUL", _body(_event(customer_id="cus_\x00")), 422, ("INVALID_TEXT",)),
    Hostile("timestamp a number", _body(_event(timestamp=1767225600)), 422, ("WRONG_TYPE",)),
    Hostile("timestamp no time", _body(_event(timestamp="yesterday")), 422, ("INVALID_TIMESTAMP",)),
    Hostile("timestamp empty", _body(_event(timestamp="")), 422, ("INVALID_TIMESTAMP",)),
    Hostile("timestamp a date", _body(_event(timestamp="2026-01-01")), 422, ("INVALID_TIMESTAMP",)),
    Hostile("30 February", _body(_event(timestamp="2026-02-30T00:00:00Z")), 422, ("INVALID_TIMESTAMP",)),
    Hostile("week date", _body(_event(timestamp="2026-W01-1T00:00:00Z")), 422, ("INVALID_TIMESTAMP",)),
    Hostile("other digits", _body(_event(timestamp="٢٠٢٦-01-01T00:00:00Z")), 422, ("INVALID_TIMESTAMP",)),
    Hostile("year 1, east", _body(_event(timestamp="0001-01-01T00:00:00+23:59")), 400, ("TIMESTAMP_TOO_OLD",)),
    Hostile("year 9999, west", _body(_event(timestamp="9999-12-31T23:59:59-23:59")), 400, ("TIMESTAMP_IN_FUTURE",)),
    Hostile("too old", _body(_event(timestamp=_shifted(days=-36))), 400, ("TIMESTAMP_TOO_OLD",)),
    Hostile("a moment too old", _body(_event(timestamp=_shifted(days=-35, minutes=-1))), 400, ("TIMESTAMP_TOO_OLD",)),
    Hostile("in the future", _body(_event(timestamp=_shifted(hours=2))), 400, ("TIMESTAMP_IN_FUTURE",)),
    Hostile("metadata a list", _raw("[]"), 422, ("WRONG_TYPE",)),
    Hostile("metadata a string", _raw('"x"'), 422, ("WRONG_TYPE",)),
    Hostile("metadata key twice", _raw('{"k":1,"k":2}'), 422, ("DUPLICATE_KEY",)),
    Hostile("metadata key twice, one escaped", _raw('{"k":1,"\\u006b":1}'), 422, ("DUPLICATE_KEY",)),
    Hostile("metadata key twice, blanks", _raw('{"k":1,"k" \n:2}'), 422, ("DUPLICATE_KEY",)),
    Hostile("metadata key twice, blanks and a colon", _raw('{"k":1,"k" :":x"}'), 422, ("DUPLICATE_KEY",)),
    Hostile("event key twice", _raw("{}", ',"event_name":"api.call"'), 422, ("DUPLICATE_KEY",)),
    Hostile("metadata nested object", _raw('{"k":{"a":1}}'), 422, ("NESTED_METADATA",)),
    Hostile("metadata nested list", _raw('{"k":[1]}'), 422, ("NESTED_METADATA",)),
    Hostile("metadata nested a hundred thousand deep", _raw('{"k":' * 100_000), 422, ("INVALID_JSON",)),
    Hostile("metadata null value", _raw('{"k":null}'), 422, ("NULL_VALUE",)),
    Hostile("51 keys", _body(_event(metadata={f"k{n}": n for n in range(51)})), 400, ("TOO_MANY_KEYS",)),
    Hostile("a key of 101 characters", _body(_event(metadata={"k" * 101: 1})), 400, ("TOO_LONG",)),
    Hostile("a key with NUL", _body(_event(metadata={"k\x00": 1})), 422, ("INVALID_TEXT",)),
    Hostile("a key half a surrogate", _body(_event(metadata={"k\udfff": 1})), 422, ("INVALID_TEXT",)),
    Hostile("a string of 501 characters", _body(_event(metadata={"k": "x" * 501})), 400, ("TOO_LONG",)),
    Hostile("a string with NUL", _body(_event(metadata={"k": "\x00"})), 422, ("INVALID_TEXT",)),
    Hostile("a string half a surrogate", _body(_event(metadata={"k": "x\ud83d"})), 422, ("INVALID_TEXT",)),
    Hostile("NaN", _raw('{"k":NaN}'), 422, ("NUMBER_NOT_FINITE",)),
    Hostile("Infinity", _raw('{"k":Infinity}'), 422, ("NUMBER_NOT_FINITE",)),
    Hostile("-Infinity", _raw('{"k":-Infinity}'), 422, ("NUMBER_NOT_FINITE",)),
    Hostile("1e400", _raw('{"k":1e400}'), 400, ("NUMBER_OUT_OF_RANGE",)),
    Hostile("10^30", _raw('{"k":1' + "0" * 30 + "}"), 400, ("NUMBER_OUT_OF_RANGE",)),
    Hostile("-1e30", _raw('{"k":-1e30}'), 400, ("NUMBER_OUT_OF_RANGE",)),
    Hostile("1e131071", _raw('{"k":1e131071}'), 400, ("NUMBER_OUT_OF_RANGE",)),
    Hostile("1e999999999999999999999", _raw('{"k":1e999999999999999999999}'), 400, ("NUMBER_OUT_OF_RANGE",)),
    Hostile("0e-99999", _raw('{"k":0e-99999}'), 400, ("NUMBER_OUT_OF_RANGE",)),
    Hostile("19 decimals", _raw('{"k":0.' + "1" * 19 + "}"), 400, ("NUMBER_OUT_OF_RANGE",)),
    Hostile("39 digits", _raw('{"k":' + "1" * 21 + "." + "1" * 18 + "}"), 400, ("NUMBER_OUT_OF_RANGE",)),
    Hostile("5000 digits", _raw('{"k":' + "1" * 5000 + "}"), 400, ("NUMBER_OUT_OF_RANGE",)),
    Hostile("a number with a leading zero", _raw('{"k":01}'), 422, ("INVALID_JSON",)),
    Hostile(
        "one id, two contents",
        _body(_event(metadata={"k": 1}), _event(metadata={"k": True})),
        400,
        ("EVENT_ID_REPEATED",),
    ),
    Hostile(
        "everything at once",
        _body(
            _event(event_id="", metadata={"a": None, "b": [], "c": "x" * 501}), 7, _event(event_id="h2", customer_id="cus_nobody")
        ),
        422,
        ("EMPTY_TEXT", "NULL_VALUE", "NESTED_METADATA", "TOO_LONG", "WRONG_TYPE", "CUSTOMER_NOT_FOUND"),
    ),
)


@dataclass(frozen=True)
class HostileTransport:
    """A body whose size or packing is at fault, with the Content-Encoding it is sent under; `code` is that of the answer."""

    name: str
    body: bytes
    encoding: str
    status: int
    code: str


LIMIT = 10 * 1024 * 1024  # MAX_BODY_BYTES
_GOOD = _body(_event())
_GZIP_BOMB = gzip.compress(b'{"events":[' + b" " * (2 * LIMIT))
_DEFLATE_BOMB = zlib.compress(b"[" * (2 * LIMIT))

HOSTILE_TRANSPORT = (
    HostileTransport("one byte over the limit", b" " * (LIMIT + 1), "", 413, "BODY_TOO_LARGE"),
    HostileTransport("as large as may be, and blank", b" " * LIMIT, "", 422, "INVALID_JSON"),
    HostileTransport("as large as may be, and open brackets", b"[" * LIMIT, "", 422, "INVALID_JSON"),
    HostileTransport("gzip bomb", _GZIP_BOMB, "gzip", 413, "BODY_TOO_LARGE"),
    HostileTransport("deflate bomb", _DEFLATE_BOMB, "deflate", 413, "BODY_TOO_LARGE"),
    HostileTransport("deflate bomb without a header", _DEFLATE_BOMB[2:-4], "deflate", 413, "BODY_TOO_LARGE"),
    HostileTransport("gzip cut short", gzip.compress(_GOOD)[:-10], "gzip", 422, "INVALID_JSON"),
    HostileTransport("gzip without its checksum", gzip.compress(_GOOD)[:-8], "gzip", 422, "INVALID_JSON"),
    HostileTransport("gzip with a wrong checksum", gzip.compress(_GOOD)[:-8] + b"\0" * 8, "gzip", 422, "INVALID_JSON"),
    HostileTransport("deflate cut short", zlib.compress(_GOOD)[:-6], "deflate", 422, "INVALID_JSON"),
    HostileTransport("no gzip at all", b"nonsense", "gzip", 422, "INVALID_JSON"),
    HostileTransport("no deflate at all", b"nonsense", "deflate", 422, "INVALID_JSON"),
    HostileTransport("gzip within gzip", gzip.compress(gzip.compress(_GOOD)), "gzip", 422, "INVALID_JSON"),
    HostileTransport("packed without saying so", gzip.compress(_GOOD), "", 422, "INVALID_JSON"),
    HostileTransport("brotli", _GOOD, "br", 415, "UNSUPPORTED_MEDIA_TYPE"),
    HostileTransport("zstd", _GOOD, "zstd", 415, "UNSUPPORTED_MEDIA_TYPE"),
    HostileTransport("two encodings", gzip.compress(_GOOD), "gzip, gzip", 415, "UNSUPPORTED_MEDIA_TYPE"),
    HostileTransport("an encoding that is none", _GOOD, "\\ud800" * 50, 415, "UNSUPPORTED_MEDIA_TYPE"),
)
