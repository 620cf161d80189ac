"""Serve webhook endpoints as the contract has them, and beside it their log of deliveries, resending and trying out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
from django.db.models import Model, QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.errors import Refused
from api.v1.lookup import find
from api.v1.resource import Resource, answer, nothing
from api.v1.schema import describes
from webhooks import deliver, endpoints, outbox
from webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint

Url = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Description = Annotated[str, msgspec.Meta(max_length=200)]
Types = Annotated[list[str], msgspec.Meta(max_length=50)]
Headers = Annotated[dict[str, str], msgspec.Meta(max_length=20)]
RateLimit = Annotated[int, msgspec.Meta(ge=0, le=1000, description="Messages a second; 0 for no limit.")]
Row = TypeVar("Row", bound=Model)

FIELDS = ("url", "description", "filter_types", "headers", "metadata", "rate_limit", "disabled")


class WebhookCreate(msgspec.Struct, kw_only=True):
    """An endpoint to be told what happens. filter_types: null or empty for everything."""

    url: Url
    description: Description | None = None
    disabled: bool | None = None
    filter_types: Types | None = None
    headers: Headers | None = None
    metadata: shapes.Metadata | None = None
    rate_limit: RateLimit | None = None


class WebhookUpdate(msgspec.Struct, kw_only=True):
    """What is to change; null and absent leave a field as it is, an empty filter asks for everything."""

    url: Url | None = None
    description: Description | None = None
    disabled: bool | None = None
    filter_types: Types | None = None
    metadata: shapes.Metadata | None = None
    rate_limit: RateLimit | None = None


class WebhookAnswer(msgspec.Struct, kw_only=True):
    """An endpoint; its secret has an address of its own."""

    id: str
    url: str
    description: str
    disabled: bool
    filter_types: list[str] | None
    metadata: shapes.Metadata
    rate_limit: int | None
    created_at: datetime
    updated_at: datetime


class WebhookList(msgspec.Struct, kw_only=True):
    """A page of endpoints. iterator: where the next one begins; done: there is none."""

    data: list[WebhookAnswer]
    iterator: str | None
    done: bool


class WebhookListQuery(msgspec.Struct, kw_only=True):
    """iterator: from the page before. limit: 1 to 250."""

    iterator: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=250)] = 50


class WebhookSecretAnswer(msgspec.Struct, kw_only=True):
    """What the endpoint verifies signatures with."""

    secret: str


class WebhookHeadersUpdate(msgspec.Struct, kw_only=True):
    """The headers to send besides ours; they take the place of those before."""

    headers: Headers


class WebhookHeadersAnswer(msgspec.Struct, kw_only=True):
    """The headers sent besides ours. sensitive: names whose values are not shown; none is hidden here."""

    headers: dict[str, str]
    sensitive: list[str]


class WebhookAttemptAnswer(msgspec.Struct, kw_only=True):
    """One try. response_status: null where there was no answer, and `error` says why."""

    attempted_at: datetime
    duration_ms: int
    response_status: int | None
    response_excerpt: str
    error: str


class WebhookDeliveryAnswer(msgspec.Struct, kw_only=True):
    """A message on its way to an endpoint. status: waiting, delivered or failed (given up); id: the webhook-id header."""

    id: str
    event_type: str
    payload: dict[str, Any]
    status: str
    attempt_count: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime
    attempts: list[WebhookAttemptAnswer]


class WebhookDeliveryList(msgspec.Struct, kw_only=True):
    """A page of deliveries. iterator: where the next one begins; done: there is none."""

    data: list[WebhookDeliveryAnswer]
    iterator: str | None
    done: bool


class Webhooks(Resource):
    """/webhooks"""

    @describes("List webhook endpoints, newest first", query=WebhookListQuery, answer=WebhookList)
    def get(self, request: Request) -> HttpResponse:
        query = body.decode_query(request.GET, WebhookListQuery)
        rows = WebhookEndpoint.objects.filter(deleted_at=None)
        if query.iterator:
            rows = rows.filter(id__lt=_key(WebhookEndpoint.objects.filter(public_id=query.iterator)))
        items, done = _first(rows, query.limit)
        iterator = None if done else items[-1].public_id
        return answer(WebhookList(data=[shown(row) for row in items], iterator=iterator, done=done))

    @describes("Add a webhook endpoint", body=WebhookCreate, answer=WebhookAnswer)
    def post(self, request: Request) -> HttpResponse:
        fields = _fields(body.decode(request, WebhookCreate))
        return answer(shown(endpoints.create(**fields, now=self.now)))


class WebhookById(Resource):
    """/webhooks/{webhook_id}"""

    @describes("Retrieve a webhook endpoint", answer=WebhookAnswer, errors=[404])
    def get(self, request: Request, webhook_id: str) -> HttpResponse:
        return answer(shown(_find(webhook_id)))

    @describes("Change a webhook endpoint", body=WebhookUpdate, answer=WebhookAnswer, errors=[404])
    def patch(self, request: Request, webhook_id: str) -> HttpResponse:
        endpoint = _find(webhook_id)
        fields = _fields(body.decode(request, WebhookUpdate))
        return answer(shown(endpoints.update(endpoint=endpoint, fields=fields, now=self.now)))

    @describes("Delete a webhook endpoint", errors=[404])
    def delete(self, request: Request, webhook_id: str) -> HttpResponse:
        endpoints.delete(endpoint=_find(webhook_id), now=self.now)
        return nothing(200)


class WebhookSecret(Resource):
    """/webhooks/{webhook_id}/secret"""

    scopes = {"GET": "write"}

    @describes("Retrieve the secret that signatures are verified with", answer=WebhookSecretAnswer, errors=[404])
    def get(self, request: Request, webhook_id: str) -> HttpResponse:
        return answer(WebhookSecretAnswer(secret=_find(webhook_id).secret))


class WebhookHeaders(Resource):
    """/webhooks/{webhook_id}/headers"""

    scopes = {"GET": "write"}

    @describes("Retrieve the headers that are sent besides ours", answer=WebhookHeadersAnswer, errors=[404])
    def get(self, request: Request, webhook_id: str) -> HttpResponse:
        return answer(WebhookHeadersAnswer(headers=_find(webhook_id).headers, sensitive=[]))

    @describes("Replace the headers that are sent besides ours", body=WebhookHeadersUpdate, errors=[404])
    def patch(self, request: Request, webhook_id: str) -> HttpResponse:
        endpoint = _find(webhook_id)
        wanted = body.decode(request, WebhookHeadersUpdate)
        endpoints.update(endpoint=endpoint, fields={"headers": wanted.headers}, now=self.now)
        return nothing(200)


class WebhookDeliveries(Resource):
    """/webhooks/{webhook_id}/deliveries"""

    @describes(
        "List what was sent to an endpoint, newest first", query=WebhookListQuery, answer=WebhookDeliveryList, errors=[404]
    )
    def get(self, request: Request, webhook_id: str) -> HttpResponse:
        rows = WebhookDelivery.objects.filter(endpoint=_find(webhook_id))
        query = body.decode_query(request.GET, WebhookListQuery)
        wanted = rows.select_related("message").prefetch_related("attempts")
        if query.iterator:
            wanted = wanted.filter(id__lt=_key(rows.filter(message__public_id=query.iterator)))
        items, done = _first(wanted, query.limit)
        iterator = None if done else items[-1].message.public_id
        return answer(WebhookDeliveryList(data=_deliveries_shown(items), iterator=iterator, done=done))


class WebhookResend(Resource):
    """/webhooks/{webhook_id}/deliveries/{message_id}/resend"""

    @describes("Send a message again", answer=WebhookDeliveryAnswer, errors=[404])
    def post(self, request: Request, webhook_id: str, message_id: str) -> HttpResponse:
        rows = WebhookDelivery.objects.filter(endpoint=_find(webhook_id)).select_related("message")
        delivery = rows.filter(message__public_id=message_id).first()
        if delivery is None:
            raise Refused("WEBHOOK_MESSAGE_NOT_FOUND", f"No message {message_id[:100]} was meant for this endpoint.")
        deliver.resend(delivery=delivery, now=self.now)
        return answer(_deliveries_shown([rows.get(pk=delivery.pk)])[0])


class WebhookTest(Resource):
    """/webhooks/{webhook_id}/test"""

    @describes("Send a test message", answer=WebhookDeliveryAnswer, errors=[404])
    def post(self, request: Request, webhook_id: str) -> HttpResponse:
        return answer(_deliveries_shown([outbox.tell_one(_find(webhook_id), now=self.now)])[0])


def shown(endpoint: WebhookEndpoint) -> WebhookAnswer:
    """Show an endpoint in the contract's shape."""
    return WebhookAnswer(
        id=endpoint.public_id,
        url=endpoint.url,
        description=endpoint.description,
        disabled=endpoint.disabled_at is not None,
        filter_types=endpoint.filter_types or None,
        metadata=endpoint.metadata,
        rate_limit=endpoint.rate_limit,
        created_at=endpoint.created_at,
        updated_at=endpoint.updated_at,
    )


def _deliveries_shown(rows: Sequence[WebhookDelivery]) -> list[WebhookDeliveryAnswer]:
    return [
        WebhookDeliveryAnswer(
            id=row.message.public_id,
            event_type=row.message.event_type,
            payload=row.message.payload,
            status=row.status,
            attempt_count=row.attempt_count,
            next_attempt_at=row.next_attempt_at,
            delivered_at=row.delivered_at,
            created_at=row.message.created_at,
            attempts=[_attempt_shown(one) for one in sorted(row.attempts.all(), key=lambda one: one.pk)],
        )
        for row in rows
    ]


def _attempt_shown(attempt: WebhookAttempt) -> WebhookAttemptAnswer:
    return WebhookAttemptAnswer(**{name: getattr(attempt, name) for name in WebhookAttemptAnswer.__struct_fields__})


def _fields(wanted: WebhookCreate | WebhookUpdate) -> dict[str, Any]:
    fields = shapes.given(wanted, *(name for name in FIELDS if name in wanted.__struct_fields__))
    if "metadata" in fields:
        fields["metadata"] = body.scalars(fields["metadata"])
    return fields


def _find(webhook_id: str) -> WebhookEndpoint:
    return find(WebhookEndpoint.objects.filter(deleted_at=None), webhook_id)


def _first(rows: QuerySet[Row], limit: int) -> tuple[list[Row], bool]:
    """Give the newest rows, and whether there are no more."""
    found = list(rows.order_by("-id")[: limit + 1])
    return found[:limit], len(found) <= limit


def _key(named: QuerySet[Any]) -> int:
    """Give the key of the row that an iterator names, a deleted one's too."""
    found: int | None = named.values_list("id", flat=True).first()
    if found is None:
        raise body.invalid("iterator", "must be the iterator of a page before")
    return found
