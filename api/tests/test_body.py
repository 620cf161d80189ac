"""Bodies and queries are read strictly, and what is wrong is said in one sentence."""

import gzip
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from django.http import HttpRequest, QueryDict
from django.test import RequestFactory

from api.v1 import body
from api.v1.errors import Refused, status_of
from core.errors import DomainError

TOO_LONG = "The body holds a number with too many digits, or too great an exponent."


class Item(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=2)]
    count: int = 0


class Order(msgspec.Struct, kw_only=True):
    email: str
    items: list[Item] = []
    kind: str | None = None


def post(raw: bytes, content_type: str = "application/json", **extra: str) -> HttpRequest:
    return RequestFactory().generic("POST", "/api/v1/orders", raw, content_type=content_type, **extra)


@pytest.mark.parametrize(
    ("raw", "code", "message"),
    [
        (b'{"email": "a"', "INVALID_JSON", "The body is not valid JSON: Expecting ',' delimiter at byte 13."),
        (b'{"email": "\xff"}', "INVALID_JSON", "The body is not valid UTF-8 at byte 11."),
        (b'{"email": "a", "email": "b"}', "DUPLICATE_KEY", 'The name "email" stands twice in one object.'),
        (b'{"email": "a", "x": NaN}', "NUMBER_NOT_FINITE", "NaN is not a number in JSON."),
        (b'{"email": "a", "x": -Infinity}', "NUMBER_NOT_FINITE", "-Infinity is not a number in JSON."),
        (b'{"email": "a\\u0000"}', "INVALID_TEXT", "A text holds the character NUL, which cannot be stored."),
        (b'{"email": "a\\ud800"}', "INVALID_TEXT", "A text holds half of a surrogate pair, which is no character."),
        (b'{"email": ' + b"[" * 40 + b"]" * 40 + b"}", "INVALID_JSON", "The body is nested deeper than 32 levels."),
        (b'{"email": ' + b"[" * 100_000, "INVALID_JSON", "The body is nested deeper than 32 levels."),
        (b'{"email": ' + b"1" * 5000 + b"}", "INVALID_JSON", TOO_LONG),
        (b'{"email": 1e99999999999999999999}', "INVALID_JSON", TOO_LONG),
        (b'{"email": 1e-99999999999999999999}', "INVALID_JSON", TOO_LONG),
        (b"[]", "WRONG_TYPE", "The body must be an object."),
        (b"null", "WRONG_TYPE", "The body must be an object."),
        (b"{}", "MISSING_FIELD", "`email` is missing."),
        (b"", "MISSING_FIELD", "`email` is missing."),
        (b'{"email": 1}', "WRONG_TYPE", "`email` must be a string, not a whole number."),
        (b'{"email": null}', "WRONG_TYPE", "`email` must not be null; it must be a string."),
        (b'{"email": "a", "items": [{"name": "ab"}, {}]}', "MISSING_FIELD", "`items[1].name` is missing."),
        (b'{"email": "a", "items": [{"name": "a"}]}', "INVALID_FIELD", "`items[0].name` must be a string of length >= 2."),
        (b'{"email": "a", "items": [{"name": "ab", "count": 1.5}]}', "WRONG_TYPE", "`items[0].count` must be a whole number, not a fraction."),  # noqa: E501
        (b'{"email": "a", "items": [{"name": "ab"}, {"name": "cd", "colour": "red"}]}', "UNSUPPORTED_ACTION", "`items[1].colour` is not served here. Leave it out, or send null."),  # noqa: E501
        (b'{"email": "a", "discount": 5}', "UNSUPPORTED_ACTION", "`discount` is not served here. Leave it out, or send null."),
    ],
)  # fmt: skip
def test_refuses_with_a_sentence(raw: bytes, code: str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        body.decode(post(raw), Order)

    assert (caught.value.code, caught.value.message) == (code, message)
    assert 400 <= status_of(code) < 500


@pytest.mark.parametrize("blank", ["null", "false", "0", '""', "[]", "{}", "0.0"])
def test_accepts_unserved_fields_that_are_blank(blank: str) -> None:
    order = body.decode(post(f'{{"email": "a", "discount": {blank}}}'.encode()), Order)

    assert order == Order(email="a")


def test_keeps_fractions_exact() -> None:
    assert body.parse(b"[0.1, 1e2, 12345678901234567890.123456789012345678]") == [
        Decimal("0.1"),
        Decimal("1e2"),
        Decimal("12345678901234567890.123456789012345678"),
    ]


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "application/vnd.api+json", ""])
def test_takes_json_under_its_names(content_type: str) -> None:
    assert body.decode(post(b'{"email": "a"}', content_type), Order).email == "a"


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"])
def test_refuses_other_media_types(content_type: str) -> None:
    with pytest.raises(Refused, match="Send the body as application/json") as caught:
        body.decode(post(b"email=a", content_type), Order)

    assert status_of(caught.value.code) == 415


def test_unpacks_gzip() -> None:
    packed = gzip.compress(b'{"email": "a"}', mtime=0)

    assert body.decode(post(packed, HTTP_CONTENT_ENCODING="gzip"), Order).email == "a"


def test_leaves_out_no_member_of_a_packed_body() -> None:
    packed = gzip.compress(b'{"email": ', mtime=0) + gzip.compress(b'"a"}', mtime=0)

    assert body.decode(post(packed, HTTP_CONTENT_ENCODING="gzip"), Order).email == "a"


def test_counts_the_unpacked_size(settings: Any) -> None:
    settings.MAX_BODY_BYTES = 1000
    packed = gzip.compress(b'{"email": "' + b"a" * 1000 + b'"}', mtime=0)

    with pytest.raises(DomainError) as caught:
        body.decode(post(packed, HTTP_CONTENT_ENCODING="gzip"), Order)

    assert status_of(caught.value.code) == 413


@pytest.mark.parametrize("packed", [b"no gzip", gzip.compress(b'{"email": "a"}', mtime=0)[:-9]])
def test_refuses_what_cannot_be_unpacked(packed: bytes) -> None:
    with pytest.raises(DomainError) as caught:
        body.decode(post(packed, HTTP_CONTENT_ENCODING="gzip"), Order)

    assert caught.value.code == "INVALID_JSON"


class Filter(msgspec.Struct, kw_only=True):
    size: Annotated[int, msgspec.Meta(ge=1)] = 10
    archived: bool | None = None


def test_reads_queries_as_text() -> None:
    assert body.decode_query(QueryDict("size=5&archived=true"), Filter) == Filter(size=5, archived=True)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("size=x", "`size` must be a whole number, not a string."),
        ("size=0", "`size` must be a whole number >= 1."),
        ("archived=maybe", "`archived` must be true or false or null, not a string."),
        ("archivd=true", "`archivd` is not served here. Leave it out, or send null."),
        ("size=5&x=%00", "A text holds the character NUL, which cannot be stored."),
    ],
)
def test_refuses_queries_with_a_sentence(query: str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        body.decode_query(QueryDict(query), Filter)

    assert caught.value.message == message


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ({"a": None}, "`metadata.a` must be a string, a number or a boolean."),
        ({"a": {"b": 1}}, "`metadata.a` must be a string, a number or a boolean."),
        ({"": 1}, "`metadata` must have keys of 1 to 100 characters."),
        ({"a": "x" * 501}, "`metadata.a` must be at most 500 characters long."),
        ({"a": Decimal("1e400")}, "`metadata.a` must be a number below 10^30 with at most 18 decimals and 38 digits."),
        ({str(n): n for n in range(51)}, "`metadata` may hold at most 50 pairs."),
    ],
)
def test_refuses_metadata_that_is_not_flat(pairs: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused) as caught:
        body.scalars(pairs)

    assert caught.value.message == message
