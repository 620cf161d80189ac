"""Every failure has the one shape, whoever raised it."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError
from django.test import Client, override_settings
from django.urls import include, path
from rest_framework import exceptions

from api.v1 import errors
from api.v1.resource import Resource
from api.v1.urls import urlpatterns
from core.deployment import ClusterChanged, ZoneChanged
from core.errors import DomainError


class Failing(Resource):
    """Raise what the test put into `error`."""

    error: Exception

    def get(self, request: Any) -> Any:
        raise Failing.error


class FailingUrls:
    urlpatterns = [path("api/v1/", include(([path("failing", Failing.as_view())], "api")))]


def subclasses(kind: type) -> Iterator[type]:
    for each in kind.__subclasses__():
        yield each
        yield from subclasses(each)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (exceptions.Throttled(wait=7), 429, "RATE_LIMITED"),
        (exceptions.NotFound(), 404, "NOT_FOUND"),
        (exceptions.PermissionDenied(), 403, "SCOPE_MISSING"),
        (exceptions.ParseError(), 422, "INVALID_JSON"),
        (exceptions.UnsupportedMediaType("a/b"), 415, "UNSUPPORTED_MEDIA_TYPE"),
        (exceptions.ValidationError({"a": ["b"]}), 400, "BAD_REQUEST"),
        (DomainError("No."), 400, "INVALID_REQUEST"),
        (OperationalError("server closed the connection"), 503, "UNAVAILABLE"),
        (ClusterChanged("Run after_restore."), 503, "AFTER_RESTORE_NEEDED"),
        (ZoneChanged("Start every process anew."), 503, "BILLING_TIME_ZONE_CHANGED"),
        (IntegrityError("duplicate key"), 409, "CONFLICT"),
        (DataError("out of range"), 422, "INVALID_FIELD"),
        (ZeroDivisionError("secret words"), 500, "INTERNAL_ERROR"),
    ],
)
def test_each_exception_has_its_status(call: Callable[..., Any], error: Exception, status: int, code: str) -> None:
    Failing.error = error

    with override_settings(ROOT_URLCONF=FailingUrls):
        reply = call("GET", "/failing")

    assert (reply.status, reply.body["code"]) == (status, code)
    assert set(reply.body) == {"code", "message"}
    assert re.match(r"^[A-Z].*\.$", reply.body["message"])
    assert "secret words" not in str(reply.body)


@pytest.mark.parametrize(
    ("error", "header", "text"), [(exceptions.Throttled(wait=7), "Retry-After", "7"), (OperationalError(), "Retry-After", "1")]
)
def test_tells_clients_when_to_come_back(call: Callable[..., Any], error: Exception, header: str, text: str) -> None:
    Failing.error = error

    with override_settings(ROOT_URLCONF=FailingUrls):
        assert call("GET", "/failing").headers[header] == text


def test_codes_are_upper_snake() -> None:
    codes = [each.code for each in subclasses(DomainError) if "code" in vars(each)] + list(errors.STATUS_BY_CODE)

    assert [code for code in codes if not re.match(r"^[A-Z]+(_[A-Z]+)*$", code)] == []


@pytest.mark.parametrize(
    "address", ["/nothing", "/", "", "/customers/", "/credit-entitlements/", "/customers/a/b/c/d", "/licenses", "/customers//x"]
)
def test_unknown_addresses_are_not_found(call: Callable[..., Any], address: str) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE", "PUT"):
        reply = call(method, address, {})

        assert (reply.status, reply.body) == (404, {"code": "NOT_FOUND", "message": "There is nothing at this address."})


def test_other_methods_are_refused(call: Callable[..., Any]) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
        reply = call(method, "/customers")

        assert (reply.status, reply.body["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert reply.headers["Allow"] == "GET, POST, HEAD"


def test_no_accept_is_refused(call: Callable[..., Any]) -> None:
    for accept in ("application/json", "*/*", "application/pdf", "text/html", "nonsense"):
        assert call("GET", "/customers", HTTP_ACCEPT=accept).status == 200


def test_errors_of_the_framework_itself_have_the_shape(db: None) -> None:
    reply = Client().get("/api/v1/customers", headers={"host": "evil.example"})

    assert reply.status_code == 400
    assert reply.json() == {"code": "BAD_REQUEST", "message": "The request could not be understood."}


def test_too_large_a_body_is_refused(call: Callable[..., Any], settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = settings.MAX_BODY_BYTES = 100

    reply = call("POST", "/customers", {"email": "a" * 100})

    assert (reply.status, reply.body["code"]) == (413, "BODY_TOO_LARGE")


def test_no_address_ends_in_a_slash() -> None:
    assert [str(each.pattern) for each in urlpatterns if str(each.pattern).endswith("/")] == []
