"""Read a request's body and query strictly: exact numbers, no surprise that a parser would swallow, one sentence for what is wrong."""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NoReturn, TypeVar

import msgspec
from django.conf import settings
from django.http import HttpRequest, QueryDict
from msgspec import inspect

from api.v1.errors import Refused
from api.v1.ingest_http import Unpacker
from events.validation import INTEGER_DIGITS, MAX_DECIMALS, MAX_DIGITS, MAX_KEY, MAX_KEYS, MAX_STRING, is_storable

MAX_DEPTH = 32
BLANK: tuple[Any, ...] = (None, False, 0, "", [], {})
BLANK_TEXTS = ("", "0", "false", "null")
_JSON_TYPE = re.compile(r"^application/([\w.+-]+\+)?json$", re.IGNORECASE)
_CONVERT_ERROR = re.compile(r"^(?P<reason>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)

Shape = TypeVar("Shape", bound=msgspec.Struct)


class UnsupportedAction(Refused):
    """The request asks for something of the contract that is not served; an ignored discount would be a wrong invoice."""

    def __init__(self, field: str) -> None:
        super().__init__("UNSUPPORTED_ACTION", f"`{field}` is not served here. Leave it out, or send null.", field=field)


def decode(request: HttpRequest, shape: type[Shape]) -> Shape:
    """Read the body as `shape`; an absent body is an empty object. Raises Refused, UnsupportedAction."""
    raw = read(request)
    if not raw.strip():
        return convert({}, shape)
    _check_media_type(request)
    return convert(parse(raw), shape)


def decode_query(query: QueryDict, shape: type[Shape]) -> Shape:
    """Read the query string as `shape`; of a repeated name the last one counts. Raises Refused, UnsupportedAction."""
    texts = {name: str(text) for name, text in query.items() if text != ""}
    _refuse_unstorable(texts)
    for name in _named(shape, inspect.IntType):
        if re.fullmatch(r"[\d.eE+-]*[.eE][\d.eE+-]*", texts.get(name, ""), re.ASCII):  # the decoder would take 1e3 for 1000
            raise Refused("WRONG_TYPE", f"`{name}` must be a whole number.", field=name)
    for name in _named(shape, inspect.DateTimeType):
        if re.fullmatch(r"[\d.+-]+", texts.get(name, "")):  # the decoder would take it for seconds since 1970
            raise invalid(name, "must be an RFC 3339 time")
    return convert(texts, shape, texts_only=True)


def refuse_empty(query: QueryDict, name: str) -> None:
    """Refuse a parameter that is there without a text, where leaving it out means everyone. Raises Refused."""
    if query.get(name) == "":
        raise invalid(name, "is empty. Leave it out to mean all")


@cache
def _named(shape: type[msgspec.Struct], wanted: type[inspect.Type]) -> frozenset[str]:
    """Give the names of a shape's fields of a kind."""
    kind = inspect.type_info(shape)
    assert isinstance(kind, inspect.StructType)  # noqa: S101 -- a Struct's type is no other
    members = {field.encode_name: getattr(field.type, "types", (field.type,)) for field in kind.fields}
    return frozenset(name for name, kinds in members.items() if any(isinstance(one, wanted) for one in kinds))


def read(request: HttpRequest) -> bytes:
    """Return the unpacked body, at most MAX_BODY_BYTES long. Raises Refused, Unacceptable."""
    environ = request.META
    unpacker = Unpacker(environ.get("HTTP_CONTENT_ENCODING", "").strip().lower(), limit=settings.MAX_BODY_BYTES)
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():  # Django takes a body of unknown length for an empty one
        if not (environ.get("wsgi.input_terminated") or "asgi.scope" in environ):
            raise Refused("LENGTH_REQUIRED", "Send a Content-Length; this server cannot read chunked bodies.")
        unpacker.feed(environ["wsgi.input"].read(settings.MAX_BODY_BYTES + 1))
    else:
        unpacker.feed(request.body)
    return unpacker.body()


def parse(raw: bytes) -> Any:
    """Parse JSON (RFC 8259) with fractions as Decimal. Raises Refused for all that two readers could understand differently."""
    try:
        parsed = json.loads(
            raw.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys
        )
    except json.JSONDecodeError as error:
        offset = len(error.doc[: error.pos].encode("utf-8", "surrogatepass"))
        raise Refused("INVALID_JSON", f"The body is not valid JSON: {error.msg} at byte {offset}.") from error
    except UnicodeDecodeError as error:
        raise Refused("INVALID_JSON", f"The body is not valid UTF-8 at byte {error.start}.") from error
    except RecursionError as error:
        raise _too_deep() from error
    except (ValueError, InvalidOperation) as error:
        raise Refused("INVALID_JSON", "The body holds a number with too many digits, or too great an exponent.") from error
    _refuse_unstorable(parsed)
    return parsed


def convert(parsed: Any, shape: type[Shape], *, texts_only: bool = False) -> Shape:
    """Check `parsed` against `shape`; a field that the shape does not know may only be blank, at any depth.

    texts_only: every leaf is text, as in a query string.  Raises Refused, UnsupportedAction.
    """
    if not isinstance(parsed, dict):
        raise Refused("WRONG_TYPE", "The body must be an object.")
    for path in _unserved(parsed, _type_of(shape), "", blank=BLANK_TEXTS if texts_only else BLANK):
        raise UnsupportedAction(path)
    try:
        return msgspec.convert(parsed, shape, strict=not texts_only)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error


def invalid(field: str, sentence: str) -> Refused:
    """Make the 422 for one field; the sentence goes on after the field's name, as in "must be positive"."""
    return Refused("INVALID_FIELD", f"`{field}` {sentence}.", field=field)


def scalars(pairs: Mapping[str, Any], *, field: str = "metadata") -> dict[str, Any]:
    """Return metadata as given when it is flat, within the bounds of an event's. Raises Refused."""
    if len(pairs) > MAX_KEYS:
        raise invalid(field, f"may hold at most {MAX_KEYS} pairs")
    for key, scalar in pairs.items():
        if not 1 <= len(key) <= MAX_KEY:
            raise invalid(field, f"must have keys of 1 to {MAX_KEY} characters")
        if not isinstance(scalar, (str, int, bool, Decimal)):
            raise invalid(f"{field}.{key}", "must be a string, a number or a boolean")
        if isinstance(scalar, str) and len(scalar) > MAX_STRING:
            raise invalid(f"{field}.{key}", f"must be at most {MAX_STRING} characters long")
        if isinstance(scalar, (int, Decimal)) and not is_storable(Decimal(scalar)):
            raise invalid(
                f"{field}.{key}",
                f"must be a number below 10^{INTEGER_DIGITS} with at most {MAX_DECIMALS} decimals and {MAX_DIGITS} digits",
            )
    return dict(pairs)


def _check_media_type(request: HttpRequest) -> None:
    media_type = request.META.get("CONTENT_TYPE", "").split(";")[0].strip()
    if media_type and not _JSON_TYPE.match(media_type):
        raise Refused("UNSUPPORTED_MEDIA_TYPE", f"Send the body as application/json, not as {media_type[:100]}.")


def _too_deep() -> Refused:
    return Refused("INVALID_JSON", f"The body is nested deeper than {MAX_DEPTH} levels.")


def _refuse_constant(name: str) -> NoReturn:
    raise Refused("NUMBER_NOT_FINITE", f"{name} is not a number in JSON.")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    together = dict(pairs)
    if len(together) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused("DUPLICATE_KEY", f"The name {json.dumps(twice[:100])} stands twice in one object.")
    return together


def _refuse_unstorable(parsed: Any) -> None:
    """Refuse what PostgreSQL cannot store as text, and nesting beyond any shape of the contract."""
    waiting: list[tuple[Any, int]] = [(parsed, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(node, str):
            _check_text(node)
        elif isinstance(node, dict):
            waiting.extend((part, depth + 1) for pair in node.items() for part in pair)
        elif isinstance(node, list):
            waiting.extend((part, depth + 1) for part in node)


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise Refused("INVALID_TEXT", "A text holds the character NUL, which cannot be stored.")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused("INVALID_TEXT", "A text holds half of a surrogate pair, which is no character.")


def _unserved(parsed: Any, kind: inspect.Type, path: str, *, blank: tuple[Any, ...]) -> Iterator[str]:
    """Name, in the order of the body, every field that no shape knows and that is not blank."""
    if isinstance(kind, inspect.UnionType):
        kind = _member(parsed, kind) or kind
    if isinstance(kind, inspect.StructType) and isinstance(parsed, dict):
        known = {field.encode_name: field.type for field in kind.fields}
        for name, part in parsed.items():
            where = f"{path}.{name}".lstrip(".")
            if name in known:
                yield from _unserved(part, known[name], where, blank=blank)
            elif name != kind.tag_field and part not in blank:
                yield where
    elif isinstance(kind, inspect.ListType) and isinstance(parsed, list):
        for index, part in enumerate(parsed):
            yield from _unserved(part, kind.item_type, f"{path}[{index}]", blank=blank)


def _member(parsed: Any, union: inspect.UnionType) -> inspect.Type | None:
    """Pick the member of a union that `parsed` means: a list, an object, or the object with its tag."""
    if isinstance(parsed, list):
        return next((kind for kind in union.types if isinstance(kind, inspect.ListType)), None)
    structs = [kind for kind in union.types if isinstance(kind, inspect.StructType)]
    tagged = [kind for kind in structs if isinstance(parsed, dict) and kind.tag_field and parsed.get(kind.tag_field) == kind.tag]
    return next(iter(tagged or structs), None)


@cache
def _type_of(shape: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(shape)


_SENTENCES = (
    (re.compile(r"^Expected `(?P<wanted>[^`]*)`, got `null`$"), "must not be null; it must be {wanted}"),
    (re.compile(r"^Expected `(?P<wanted>[^`]*)`, got `(?P<given>[^`]*)`$"), "must be {wanted}, not {given}"),
    (re.compile(r"^Expected `(?P<wanted>[^`]*)` (?P<bound>[<>]=?) (?P<limit>\S+)$"), "must be {wanted} {bound} {limit}"),
    (
        re.compile(r"^Expected `(?P<wanted>[^`]*)` of length (?P<bound>[<>]=?) (?P<limit>\d+)$"),
        "must be {wanted} of length {bound} {limit}",
    ),
    (re.compile(r"^Expected `(?P<wanted>[^`]*)` matching regex '(?P<limit>.*)'$"), "must be {wanted} of the form {limit}"),
    (re.compile(r"^Invalid (enum )?value (?P<given>.*)$", re.DOTALL), "does not know {given}"),
)
_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "decimal": "a decimal string",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
    "datetime": "an RFC 3339 time",
    "date": "a date",
}


def _invalid(reason: str) -> Refused:
    """Turn the decoder's words ("Expected `int`, got `str` - at `$.a[0].b`") into a field and a sentence."""
    found = _CONVERT_ERROR.match(reason)
    where, reason = (found["path"] or "", found["reason"]) if found else ("", reason)
    field = where.removeprefix("$").lstrip(".")
    missing = re.match(r"^Object missing required field `(?P<name>[^`]*)`$", reason)
    if missing:
        name = f"{field}.{missing['name']}".lstrip(".")
        return Refused("MISSING_FIELD", f"`{name}` is missing.", field=name)
    code = "WRONG_TYPE" if ", got `" in reason else "INVALID_FIELD"
    return Refused(code, f"{_subject(field)} {_sentence(reason)}.", field=field or None)


def _sentence(reason: str) -> str:
    for pattern, sentence in _SENTENCES:
        found = pattern.match(reason)
        if found:
            return sentence.format(**{name: _plain_words(name, text) for name, text in found.groupdict().items()})
    return f"is not valid ({reason[:1].lower()}{reason[1:]})"


def _plain_words(name: str, text: str) -> str:
    words = _WORDS | {"decimal": "a fraction"} if name == "given" else _WORDS
    kinds = [kind.strip() for kind in text.split("|")]
    return " or ".join(words.get(kind, kind) for kind in kinds)


def _subject(path: str) -> str:
    return f"`{path}`" if path else "The body"
