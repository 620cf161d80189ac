"""Serve the grants of a credit entitlement, which are the periods of one credit grant: what each was given, and what is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.v1 import body, shapes
from api.v1.entitlement_balances import grant_of, period_id
from api.v1.pagination import PageQuery, Slice, page
from api.v1.resource import Resource, answer
from api.v1.schema import describes
from core.money import plain
from credits.models import CreditGrant
from invoices import credit_periods
from invoices.credit_periods import PeriodStanding

Status = Literal["active", "expired", "depleted"]


class EntitlementGrantQuery(PageQuery, kw_only=True):
    """The filter of grants. expired: its time is over.  depleted: nothing is left.  active: all others, that begin later too."""

    status: Status | None = None


class EntitlementGrantAnswer(msgspec.Struct, kw_only=True):
    """One period of a credit grant, in its unit or in minor units; starts_at is ours.

    initial_amount: granted, rolled in and topped up.  remaining_amount: after all usage so far, also of cycles not invoiced yet.
    expires_at: where its time ends, or ended early with a void.  is_rolled_over: what was left went on into the next period.
    parent_grant_id: the period from which credit rolled over into this one.  rollover_count: through how many in a row.
    source_type: subscription where it renews with one, whose id is source_id; api where somebody gave it.
    """

    id: str
    credit_entitlement_id: str
    customer_id: str
    initial_amount: str
    remaining_amount: str
    starts_at: datetime
    expires_at: datetime | None
    is_expired: bool
    is_rolled_over: bool
    rollover_count: int
    parent_grant_id: str | None
    source_type: Literal["subscription", "api"]
    source_id: str | None
    metadata: shapes.Metadata
    created_at: datetime
    updated_at: datetime


class EntitlementGrants(Resource):
    """/credit-entitlements/{id}/balances/{customer_id}/grants"""

    @describes(
        "List what a customer was granted of a credit entitlement, newest first",
        query=EntitlementGrantQuery,
        answer=EntitlementGrantAnswer,
        listed=True,
        errors=[404],
    )
    def get(self, request: Request, id: str, customer_id: str) -> HttpResponse:
        grant = grant_of(id, customer_id)
        query = body.decode_query(request.GET, EntitlementGrantQuery)
        periods = credit_periods.of_grant(grant, now=self.now)
        parents = dict(zip(periods[1:], periods, strict=False))
        found = [one for one in reversed(periods) if query.status in (None, _status(one, self.now))]

        def shown(rows: Sequence[PeriodStanding]) -> list[EntitlementGrantAnswer]:
            return [_shown(one, grant, parents.get(one), self.now) for one in rows]

        return answer(page(request, query, _Periods(found), shown, now=self.now))


@dataclass(frozen=True)
class _Periods:
    """Periods, newest first, as a list that goes on from the end of a page; a grant has a thousand at most."""

    rows: Sequence[PeriodStanding]

    def read(self, part: Slice) -> Sequence[PeriodStanding]:
        if not part.end:
            return self.rows[part.offset : part.offset + part.limit]
        end = datetime.fromisoformat(part.end)
        return [one for one in self.rows if one.starts_at < end][: part.limit]

    def end_of(self, row: PeriodStanding) -> str:
        return row.starts_at.isoformat()

    def upper(self) -> str:
        return ""


def _status(one: PeriodStanding, now: datetime) -> Status:
    if one.has_ended(at=now):
        return "expired"
    return "active" if one.left > 0 else "depleted"


def _shown(one: PeriodStanding, grant: CreditGrant, before: PeriodStanding | None, now: datetime) -> EntitlementGrantAnswer:
    return EntitlementGrantAnswer(
        id=period_id(grant, one.starts_at),
        credit_entitlement_id=grant.public_id,
        customer_id=grant.customer.public_id,
        initial_amount=plain(one.given),
        remaining_amount=plain(one.left),
        starts_at=one.starts_at,
        expires_at=one.ends_at,
        is_expired=one.has_ended(at=now),
        is_rolled_over=one.rolled_over,
        rollover_count=one.rollovers,
        parent_grant_id=period_id(grant, before.starts_at) if before and one.rollovers else None,
        source_type="subscription" if grant.subscription else "api",
        source_id=grant.subscription.public_id if grant.subscription else None,
        metadata=grant.metadata,
        created_at=one.created_at,
        updated_at=one.updated_at,
    )
