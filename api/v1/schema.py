"""Publish the API's own OpenAPI document, made from the very shapes that requests are checked against, and a page to read it."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import msgspec
from django.http import HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import OpenApiParameter, extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.views import APIView

from api.v1.resource import AnyAccept

_SHAPES: set[type[msgspec.Struct]] = set()


class Error(msgspec.Struct, omit_defaults=True):
    """What every failure answers; field is the path of the input at fault, when there is one."""

    code: str
    message: str
    field: str | None = None


def describes(
    summary: str,
    *,
    body: type[msgspec.Struct] | None = None,
    query: type[msgspec.Struct] | None = None,
    answer: type[msgspec.Struct] | None = None,
    listed: bool = False,
    status: int = 200,
    errors: Sequence[int] = (),
    media_type: str = "application/json",
) -> Callable[[Any], Any]:
    """Publish a handler: what it takes, what it answers, and which errors of its own it knows beside 400, 401, 403, 422, 429 and 503.

    listed: the answer is a page {"items": [answer, …]}.
    """
    failing = {code: _reference(Error) for code in sorted({400, 401, 403, 422, 429, 503, *errors})}
    content = _page_of(answer) if listed and answer else _reference(answer) if answer else None
    return extend_schema(
        summary=summary,
        parameters=_parameters(query) if query else None,
        request={"application/json": _reference(body)} if body else None,
        responses={(status, media_type) if content else status: content, **failing},
    )


class BearerScheme(OpenApiAuthenticationExtension):
    """Describe the API keys."""

    target_class = "api.v1.auth.BearerKey"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class Schema(APIView):
    """The document itself; it holds no secret and needs no key. It has one language and one version, whatever the query asks for."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = AnyAccept
    schema = None

    def get(self, request: Request) -> HttpResponse:
        headers = {"Content-Disposition": 'inline; filename="Tallybook API.json"'}
        return HttpResponse(document(), content_type=OpenApiJsonRenderer.media_type, headers=headers)


@cache
def document() -> bytes:
    """Make the document, once for each process: it takes a fifth of a second, and anybody may ask for it."""
    made = SchemaGenerator().get_schema(request=None, public=True)
    written: bytes = OpenApiJsonRenderer().render(made)
    return written


class Docs(SpectacularSwaggerSplitView):
    """A page that reads the document; the script comes from an address of its own, as the content security policy asks."""

    authentication_classes = []
    permission_classes = []
    content_negotiation_class = AnyAccept
    template_name = "api/docs.html"
    url_name = "api:schema"


def add_shapes(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Put the shapes' JSON schemas into the document's components; drf-spectacular calls it as a post-processing hook."""
    _schemas, components = msgspec.json.schema_components(sorted(_SHAPES, key=lambda s: s.__name__), ref_template=_REFERENCE)
    result.setdefault("components", {}).setdefault("schemas", {}).update(components)
    return result


_REFERENCE = "#/components/schemas/{name}"


def _reference(shape: type[msgspec.Struct]) -> dict[str, Any]:
    _SHAPES.add(shape)
    return {"$ref": _REFERENCE.format(name=shape.__name__)}


def _page_of(shape: type[msgspec.Struct]) -> dict[str, Any]:
    items = {"type": "array", "items": _reference(shape)}
    return {"type": "object", "required": ["items"], "properties": {"items": items}}


def _parameters(query: type[msgspec.Struct]) -> list[OpenApiParameter]:
    _schemas, components = msgspec.json.schema_components([query])
    described = components[query.__name__]
    required = described.get("required", ())
    return [
        OpenApiParameter(name, type=schema, location=OpenApiParameter.QUERY, required=name in required)
        for name, schema in described["properties"].items()
    ]
