"""Hold what every resource of the API shares: the edge's clock, scopes by method, JSON answers that keep decimals exact."""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import msgspec
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from access.actors import Actor
from access.history import acting
from api.v1 import auth, errors, not_served

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class AnyAccept(BaseContentNegotiation):
    """Answer JSON whatever Accept says: the published clients send several, and a 406 would help nobody."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Resource(APIView):
    """A resource under /api/v1. Handlers parse, make one domain call, and answer."""

    authentication_classes = [auth.BearerKey]
    permission_classes = [auth.Scope]
    content_negotiation_class = AnyAccept
    renderer_classes = [JSONRenderer]
    parser_classes = ()
    throttle_classes = ()
    metadata_class = None
    scopes: Mapping[str, str] = {}

    now: datetime
    actor: Actor
    until_answered: ExitStack

    def scope_for(self, method: str) -> str | None:
        """Name the scope that `method` needs, HEAD as GET; None for a method without a handler, which is 405 for every key."""
        if not hasattr(self, method.lower()):
            return None
        method = "GET" if method == "HEAD" else method
        return self.scopes.get(method, "read" if method == "GET" else "write")

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as self.until_answered:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.now = timezone.now()
        self.actor = auth.actor(request)
        self.until_answered.enter_context(acting(self.actor))

    def get_exception_handler(self) -> Any:
        return errors.handle

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self.http_method_not_allowed(request, *args, **kwargs)

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return _not_served(request) or errors.plain_error(405)

    @property
    def allowed_methods(self) -> list[str]:
        return [method for method in super().allowed_methods if method != "OPTIONS"]


class Unknown(APIView):
    """Answer 404 in the API's own shape for every address that nothing else serves; of the contract's it says what to use instead."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = AnyAccept
    renderer_classes = [JSONRenderer]
    parser_classes = ()
    schema = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        return _not_served(request) or errors.plain_error(404)


def _not_served(request: Any) -> HttpResponse | None:
    sentence = not_served.sentence(request.method, request.path_info)
    return errors.error_response("NOT_SERVED", sentence) if sentence else None


def answer(shape: Any, *, status: int = 200) -> HttpResponse:
    """Encode an answer; Decimals inside become JSON numbers digit for digit, so decimals that the contract sends as text are str."""
    return HttpResponse(_ENCODER.encode(shape), status=status, content_type="application/json")


def nothing(status: int = 204) -> HttpResponse:
    """Answer without a body."""
    return HttpResponse(status=status)
