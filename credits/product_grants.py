"""Give subscribers what their product grants: one grant for each of its credits, for as long as the subscription has it.

The grants follow from the subscription's products and price versions; `sync` writes what follows, so it may run at any time. Callers
hold the locks of the customers (semantics.md [7]).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from access.actors import Actor
from core import database
from core.periods import FOREVER, Period
from core.sql import load
from credits.models import CreditGrant, CreditTerms, ProductCredit
from products import carried, subscribe, terms
from products.models import Subscription

NO_LONGER = "The subscription has another product by then."
# Credits that are alike in all of these go on from one price version, or one product, to the next, with what rolls over.
_ALIKE = ("kind", "meter_id", "currency", "amount", "applies_to", "priority", "rollover", "rollover_cap", "name")
Key = tuple[Any, ...]
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Granted:
    """A credit that a subscription gets in a stretch of time, and what the price says of it."""

    credit: ProductCredit
    during: Period


def sync(*, customer_ids: Iterable[int], until: datetime, actor: Actor, now: datetime) -> None:
    """Write the grants that begin before `until`, move the ends of those that there are, and void those that never begin."""
    having = [subscription_id for subscription_id, _ in _having_credits(customer_ids)]
    if not having:
        return
    subscriptions = list(Subscription.objects.filter(id__in=having).order_by("id").prefetch_related("phases"))
    credits = _credits_of(subscriptions)
    versions = terms.of_products({phase.product_id for one in subscriptions for phase in one.phases.all()})
    stored: dict[int, list[CreditGrant]] = {}
    for grant in CreditGrant.objects.filter(
        subscription__in=subscriptions, product_credit__isnull=False, voided_at=None
    ).select_related("product_credit"):
        stored.setdefault(grant.subscription_id or 0, []).append(grant)
    for one in subscriptions:
        wanted = _follows(one, versions, credits)
        _write(one, wanted, stored.get(one.id, []), until=until, actor=actor, now=now)


def customers_granted(customer_ids: Iterable[int]) -> set[int]:
    """Give those of the customers whose subscriptions are to products that grant credits, written already or not."""
    return {customer_id for _, customer_id in _having_credits(customer_ids)}


def _having_credits(customer_ids: Iterable[int]) -> list[tuple[int, int]]:
    """Give those of the customers' subscriptions, each with its customer. By SQL: every chunk of a billing run asks, mostly in vain."""
    rows = database.read(load(__file__, "having_product_credits"), {"customers": database.array(set(customer_ids))})
    return [(row[0], row[1]) for row in rows]


def _credits_of(subscriptions: Sequence[Subscription]) -> Mapping[int, list[ProductCredit]]:
    """Read the credits of every price version of the subscriptions' products, by version."""
    products = {phase.product_id for one in subscriptions for phase in one.phases.all()}
    found: dict[int, list[ProductCredit]] = {}
    for credit in ProductCredit.objects.filter(price_version__product__in=products).order_by("position"):
        found.setdefault(credit.price_version_id, []).append(credit)
    return found


def _follows(
    subscription: Subscription, versions: Mapping[int, Sequence[terms.Terms]], credits: Mapping[int, list[ProductCredit]]
) -> Iterator[tuple[Key, Granted]]:
    """Yield (what a credit is like, when the subscription gets it), alike stretches that touch as one."""
    phases = list(subscription.phases.all())
    first = _first_billed(subscription)
    found: dict[Key, list[Period]] = {}
    at: dict[tuple[Key, datetime], ProductCredit] = {}
    for stretch, version in carried.stretches(subscription, phases, versions):
        billed = stretch.intersect(Period.since(first))
        if billed is None:  # a trial grants nothing
            continue
        for key, credit in _numbered(credits.get(version.version.id, [])):
            carried.join(found.setdefault(key, []), billed)
            at[key, billed.start] = credit
    for key, periods in found.items():
        for period in periods:
            yield key, Granted(at[key, period.start], period)


def _first_billed(subscription: Subscription) -> datetime:
    """Give the start of the first cycle whose usage is billed here: what an earlier one granted was used, or lost, elsewhere."""
    schedule = subscribe.schedule_of(subscription).without_end()
    if subscription.bill_from is None or subscription.bill_from <= schedule.starts_at:
        return schedule.starts_at
    return schedule.cycle(schedule.cycle_at(subscription.bill_from - _MICROSECOND)).start


def _numbered(credits: Iterable[ProductCredit]) -> Iterator[tuple[Key, ProductCredit]]:
    """Yield each credit with what it is like; two that are alike in one price are told apart by their order."""
    seen: dict[Key, int] = {}
    for credit in credits:
        like = _like(credit)
        seen[like] = seen.get(like, 0) + 1
        yield (*like, seen[like]), credit


def _like(credit: CreditTerms) -> Key:
    return tuple(getattr(credit, name) for name in _ALIKE)


def _write(
    subscription: Subscription,
    wanted: Iterable[tuple[Key, Granted]],
    stored: Sequence[CreditGrant],
    *,
    until: datetime,
    actor: Actor,
    now: datetime,
) -> None:
    left = sorted(stored, key=lambda grant: grant.id)
    for key, one in wanted:
        grant = next((g for g in left if _like(g) == key[:-1] and g.effective_at == one.during.start), None)
        expires_at = None if one.during.end in (FOREVER, subscription.ends_at) else one.during.end
        if grant is not None:
            left.remove(grant)
            if grant.expires_at != expires_at:
                grant.expires_at = expires_at
                grant.save(update_fields=["expires_at"])
        elif one.during.start < until:
            _grant(subscription, one, expires_at, actor, now)
    for grant in left:
        # Nothing was ever granted by one that has not begun; one that has is never left over, for what was is never rewritten.
        grant.voided_at, grant.void_reason = grant.effective_at, NO_LONGER
        grant.save(update_fields=["voided_at", "void_reason"])


def _grant(subscription: Subscription, one: Granted, expires_at: datetime | None, actor: Actor, now: datetime) -> None:
    cause = f"product:{subscription.public_id}:{one.credit.id}:{one.during.start.isoformat()}"
    before = CreditGrant.objects.filter(cause__startswith=cause).count()
    CreditGrant.objects.create(
        customer_id=subscription.customer_id,
        subscription=subscription,
        product_credit=one.credit,
        effective_at=one.during.start,
        expires_at=expires_at,
        renews=True,
        cause=f"{cause}:{before}",
        created_at=now,
        created_by=str(actor),
        **{name: getattr(one.credit, name) for name in _ALIKE},
    )
