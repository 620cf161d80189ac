"""Serve meters: create, list, retrieve, rename, archive and unarchive, and the usage that they measured."""

from datetime import datetime
from typing import Annotated, Any, Literal, cast

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.deployment import business_id
from api.v1.lookup import find
from api.v1.pagination import NewestFirst, PageQuery, page
from api.v1.resource import Resource, answer, nothing
from api.v1.schema import describes
from meters import define
from meters.models import Meter

EventName = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]  # what ingest accepts; a longer one would never match
Unit = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
AggregationName = Literal["count", "sum", "max", "last"]


class Aggregation(msgspec.Struct, kw_only=True):
    """How events become one quantity; all but count read the metadata key `key`."""

    type: AggregationName
    key: Annotated[str, msgspec.Meta(max_length=100)] | None = None


class MeterCreate(msgspec.Struct, kw_only=True):
    """A new meter. filter: conditions and nested filters, up to 3 levels, 1 to 10 clauses each."""

    name: Name
    event_name: EventName
    measurement_unit: Unit
    aggregation: Aggregation
    description: shapes.LongText | None = None
    filter: dict[str, Any] | None = None


class MeterUpdate(msgspec.Struct, kw_only=True):
    """What changes; what a meter counts never does. Null leaves a field as it is."""

    name: Name | None = None
    description: shapes.LongText | None = None
    measurement_unit: Unit | None = None


class MeterAnswer(msgspec.Struct, kw_only=True):
    """A meter as the API shows it."""

    id: str
    business_id: str
    name: str
    description: str | None
    event_name: str
    aggregation: Aggregation
    measurement_unit: str
    filter: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


class MeterQuery(PageQuery, kw_only=True):
    """The filters of GET /meters; archived meters are listed only when asked for."""

    archived: bool = False


class Meters(Resource):
    """/meters"""

    @describes("List meters, newest first", query=MeterQuery, answer=MeterAnswer, listed=True)
    def get(self, request: Request) -> HttpResponse:
        query = body.decode_query(request.GET, MeterQuery)
        meters = Meter.objects.filter(archived_at__isnull=not query.archived)
        business = business_id()
        return answer(
            page(request, query, NewestFirst(meters), lambda rows: [shown(row, business) for row in rows], now=self.now)
        )

    @describes("Create a meter", body=MeterCreate, answer=MeterAnswer, status=201, errors=[400])
    def post(self, request: Request) -> HttpResponse:
        wanted = body.decode(request, MeterCreate)
        meter = define.create(
            name=wanted.name,
            description=wanted.description or "",
            event_name=wanted.event_name,
            aggregation=wanted.aggregation.type,
            over_property=wanted.aggregation.key,
            measurement_unit=wanted.measurement_unit,
            filter=wanted.filter or None,
            now=self.now,
        )
        return answer(shown(meter, business_id()), status=201)


class MeterById(Resource):
    """/meters/{id}"""

    @describes("Retrieve a meter", query=shapes.LocaleQuery, answer=MeterAnswer, errors=[404])
    def get(self, request: Request, id: str) -> HttpResponse:
        body.decode_query(request.GET, shapes.LocaleQuery)
        return answer(shown(find(Meter, id), business_id()))

    @describes("Rename a meter", body=MeterUpdate, answer=MeterAnswer, errors=[400, 404])
    def patch(self, request: Request, id: str) -> HttpResponse:
        meter = find(Meter, id)
        wanted = body.decode(request, MeterUpdate)
        changes = shapes.given(wanted, "name", "description", "measurement_unit")
        return answer(shown(define.describe(meter=meter, now=self.now, **changes), business_id()))

    @describes("Archive a meter", status=204, errors=[404, 410])
    def delete(self, request: Request, id: str) -> HttpResponse:
        define.archive(meter=find(Meter, id), now=self.now)
        return nothing()


class MeterUnarchive(Resource):
    """/meters/{id}/unarchive"""

    @describes("Take a meter out of the archive", answer=MeterAnswer, errors=[400, 404])
    def post(self, request: Request, id: str) -> HttpResponse:
        meter = define.unarchive(meter=find(Meter, id), now=self.now)
        return answer(shown(meter, business_id()))


def shown(meter: Meter, business: str) -> MeterAnswer:
    """Show a meter in the contract's shape."""
    return MeterAnswer(
        id=meter.public_id,
        business_id=business,
        name=meter.name,
        description=meter.description or None,
        event_name=meter.event_name,
        aggregation=Aggregation(type=cast(AggregationName, meter.aggregation), key=meter.over_property),
        measurement_unit=meter.measurement_unit,
        filter=meter.filter,
        created_at=meter.created_at,
        updated_at=meter.updated_at,
        archived_at=meter.archived_at,
    )
