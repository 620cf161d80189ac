"""Answer every failure as {"code", "message"}: one table from codes to HTTP statuses, nothing of the framework's shapes."""

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from rest_framework import exceptions

from core.errors import DomainError

log = logging.getLogger(__name__)

# A code that is not listed is a broken business rule: 400. Codes are stable for ever.
STATUS_BY_CODE = {
    "UNAUTHORIZED": 401,
    "SCOPE_MISSING": 403,
    "NOT_FOUND": 404,
    "NOT_SERVED": 404,
    "METHOD_NOT_ALLOWED": 405,
    "CONFLICT": 409,
    "IDEMPOTENCY_KEY_REUSED": 409,
    "SCHEDULED_CHANGE_EXISTS": 409,
    "NO_SCHEDULED_CHANGE": 404,
    "ALREADY_ARCHIVED": 410,
    "LENGTH_REQUIRED": 411,
    "BODY_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "INVALID_JSON": 422,
    "INVALID_TEXT": 422,
    "INVALID_FIELD": 422,
    "MISSING_FIELD": 422,
    "WRONG_TYPE": 422,
    "DUPLICATE_KEY": 422,
    "NUMBER_NOT_FINITE": 422,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
    "UNAVAILABLE": 503,
    "AFTER_RESTORE_NEEDED": 503,
    "BILLING_TIME_ZONE_CHANGED": 503,
}
_STATUS_BY_ENDING = {"_NOT_FOUND": 404, "_ALREADY_EXISTS": 409, "_ALREADY_ARCHIVED": 410}

MESSAGE_BY_STATUS = {
    400: ("BAD_REQUEST", "The request could not be understood."),
    401: ("UNAUTHORIZED", "Send a valid API key as `Authorization: Bearer KEY`."),
    403: ("SCOPE_MISSING", "This API key may not do that."),
    404: ("NOT_FOUND", "There is nothing at this address."),
    405: ("METHOD_NOT_ALLOWED", "This address does not answer that method."),
    413: ("BODY_TOO_LARGE", "The request body is larger than this server accepts."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "Send the body as application/json."),
    429: ("RATE_LIMITED", "Too many requests. Try again after the time in Retry-After."),
    500: ("INTERNAL_ERROR", "Something went wrong on our side. It has been logged; the request may be sent again."),
    503: ("UNAVAILABLE", "The service is not ready. Nothing is known to be stored; the request may be sent again."),
}


class Refused(DomainError):
    """The transport or the shape of a request is at fault; `code` says how."""

    def __init__(self, code: str, message: str, *, field: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, field=field)
        self.code = code
        self.headers = dict(headers or {})


def status_of(code: str) -> int:
    """Give the HTTP status of an error code; 400 for every business rule that the table does not name."""
    if code in STATUS_BY_CODE:
        return STATUS_BY_CODE[code]
    return next((status for ending, status in _STATUS_BY_ENDING.items() if code.endswith(ending)), 400)


def error_response(
    code: str, message: str, *, field: str | None = None, status: int | None = None, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Build the one shape of an error. field: the path of the input at fault, left out when there is none."""
    body = {"code": code, "message": message} | ({"field": field} if field else {})
    status = status or status_of(code)
    response = HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")
    for name, text in _headers(status, headers or {}).items():
        response[name] = text
    return response


def plain_error(status: int) -> HttpResponse:
    """Build the error for a bare status, as middleware and servers give it."""
    code, message = MESSAGE_BY_STATUS.get(status, MESSAGE_BY_STATUS[400 if status < 500 else 500])
    return error_response(code, message, status=status)


def handle(error: Exception, context: dict[str, Any]) -> HttpResponse:
    """Translate any exception of a view; REST framework calls it as EXCEPTION_HANDLER. Never raises, never returns None."""
    if isinstance(error, DomainError):
        return error_response(error.code, error.message, field=error.field, headers=getattr(error, "headers", None))
    if isinstance(error, exceptions.APIException):
        return _framework_error(error)
    if isinstance(error, Http404):
        return plain_error(404)
    if isinstance(error, PermissionDenied):
        return plain_error(403)
    if isinstance(error, RequestDataTooBig):
        return plain_error(413)
    if isinstance(error, DataError):
        log.warning("api request held what no column takes", exc_info=error, extra={"path": context["request"].path})
        return error_response("INVALID_FIELD", "A number, a time or a text of the request is out of range.")
    if isinstance(error, IntegrityError):
        log.warning("api request met a constraint", exc_info=error, extra={"path": context["request"].path})
        return error_response(
            "CONFLICT",
            "Another request changed the same thing at the same moment. Send it again.",
            headers={"x-should-retry": "true"},
        )
    log.exception("api request failed", extra={"path": context["request"].path})
    return plain_error(503 if isinstance(error, (OperationalError, InterfaceError)) else 500)


def _framework_error(error: exceptions.APIException) -> HttpResponse:
    if isinstance(error, exceptions.Throttled):
        return error_response(
            *MESSAGE_BY_STATUS[429], headers={"Retry-After": str(max(1, int(getattr(error, "wait", None) or 1)))}
        )
    if isinstance(error, exceptions.ParseError):
        return error_response("INVALID_JSON", str(error.detail))
    return plain_error(error.status_code)


def _headers(status: int, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Add what the published clients obey: they would otherwise repeat a 409 twice, and a 503 without pause."""
    defaults = {401: {"WWW-Authenticate": "Bearer"}, 409: {"x-should-retry": "false"}, 503: {"Retry-After": "1"}}
    return defaults.get(status, {}) | dict(headers)
