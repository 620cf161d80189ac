"""Read what customers' grants hold, live burn included, and how it came about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import F, QuerySet

from core.money import exact, plain, to_major
from core.periods import Period
from credits import ledger, wallets
from credits.models import CreditEntry, CreditGrant, CreditGrantHistory, CreditKind, LowBalance  # type: ignore[attr-defined]
from credits.wallets import Wallet
from customers.models import Customer
from dashboard.reading import actors
from invoices import credit_history, live_credit
from invoices.credit_history import Cause
from invoices.live_credit import LiveCredit, LiveDraw, PeriodBalance
from invoices.preview import Preview

# Entries of one instant stand period by period: see credits.ledger, Note [Entries of one instant].
NEWEST_FIRST = ("-created_at", "-starts_at", "-id")


@dataclass(frozen=True)
class Holding:
    """One grant at one instant.

    balance: what its periods of that instant hold after everything used so far, in the meter's unit or minor units.
    live_burn: what of it is on no issued invoice yet.  period: the latest of them; None where it has none then.
    """

    grant: CreditGrant
    balance: Decimal
    live_burn: Decimal
    period: Period | None
    is_low: bool


@dataclass(frozen=True)
class Entered:
    """One entry of the ledger, with what caused it and who made it. after: the balance behind it, where one grant's ledger is told."""

    entry: CreditEntry
    cause: Cause
    actor: str
    after: Decimal | None = None


@dataclass(frozen=True)
class Shown:
    """One grant with all that its page shows. ended_by: "" while it stands."""

    holding: Holding
    periods: Sequence[PeriodBalance]
    draws: Sequence[LiveDraw]
    entries: Sequence[Entered]
    given_by: str
    ended_by: str


def of_customer(customer: Customer, *, now: datetime, previews: Sequence[Preview] | None = None) -> Sequence[Holding]:
    """List a customer's grants in the order in which they are used up. previews: of the open points, where they are at hand."""
    ids = [customer.pk]
    credit = live_credit.of_customers(ids, now=now) if previews is None else live_credit.combined(ids, previews, now=now)
    rows = CreditGrant.objects.filter(customer=customer).select_related("meter").order_by("priority", "id")
    low = set(LowBalance.objects.filter(grant__customer=customer, recovered_at=None).values_list("grant", flat=True))
    return [_holding(grant, credit, now, is_low=grant.pk in low) for grant in rows]


def one(grant: CreditGrant, *, now: datetime) -> Shown:
    """Read a grant with its periods, what drafts will take of it, and its ledger, the newest entry first."""
    credit = live_credit.of_customers([grant.customer_id], now=now).of_grant(grant.pk)
    is_low = LowBalance.objects.filter(grant=grant, recovered_at=None).exists()
    told = ledger.of_grant(grant)[::-1]
    entries = [replace(one, after=after) for one, (_, after) in zip(history(entry for entry, _ in told), told, strict=True)]
    return Shown(
        holding=_holding(grant, credit, now, is_low=is_low),
        periods=credit.periods[::-1],
        draws=credit.draws,
        entries=entries,
        given_by=actors.names([grant.created_by])[grant.created_by],
        ended_by=_ended_by(grant),
    )


def _ended_by(grant: CreditGrant) -> str:
    """Name who ended a grant, as the audit trail has it."""
    if grant.voided_at is None:
        return ""
    ends = CreditGrantHistory.objects.filter(pgh_obj=grant, voided_at__isnull=False, pgh_context__isnull=False)
    first = ends.select_related("pgh_context").order_by("pgh_id").first()
    if first is None:
        return ""
    actor = f"{first.pgh_context.metadata.get('actor_kind', '')}:{first.pgh_context.metadata.get('actor_id', '')}"
    return actors.names([actor])[actor]


def entries_of(customer: Customer) -> QuerySet[CreditEntry]:
    """Give the ledger of all of a customer's grants, to be paged in NEWEST_FIRST."""
    rows = CreditEntry.objects.filter(period__grant__customer=customer).select_related("period__grant__meter")
    return rows.annotate(starts_at=F("period__starts_at"))


def history(entries: Iterable[CreditEntry]) -> list[Entered]:
    """Say of entries what caused them, and who made them."""
    found = credit_history.with_causes(entries)
    named = actors.names({f"{entry.actor_kind}:{entry.actor_id}" for entry, _cause in found})
    return [Entered(entry, cause, named[f"{entry.actor_kind}:{entry.actor_id}"]) for entry, cause in found]


def wallets_of(customer: Customer, *, now: datetime) -> Sequence[Wallet]:
    """List what pays the customer's invoices, by currency."""
    return wallets.of_customer(customer=customer, now=now)


def in_its_form(grant: CreditGrant, number: Decimal | None) -> str:
    """Write a number of a grant as its forms take it: units, or major units of money."""
    if number is None:
        return ""
    return plain(to_major(int(number), grant.currency or "") if grant.kind == CreditKind.MONEY else number)


@exact()
def _holding(grant: CreditGrant, credit: LiveCredit, now: datetime, *, is_low: bool) -> Holding:
    alive = [one for one in credit.periods if one.grant_id == grant.pk and one.is_usable_at(now)]
    left = sum((one.left for one in alive), Decimal(0))
    burn = sum((one.live_burn for one in alive), Decimal(0))
    return Holding(grant, left, burn, max((one.period for one in alive), default=None), is_low)
