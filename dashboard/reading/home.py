"""Read what the overview page says of the whole deployment, each figure in one bounded query."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDay
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from credits.models import CreditGrant
from dashboard.reading import delivery, invoices, subscriptions
from dashboard.reading.subscriptions import Running
from events.deliveries import silent_keys
from events.models import ConflictStatus, DeliveryHour, EventConflict, RefusedRequest, RejectedEvent, RejectedStatus
from invoices import verifying
from invoices.listing import overdue
from invoices.models import Invoice, InvoiceStatus
from jobs.models import Job, JobStatus
from meters.models import RollPosition
from products.models import Subscription, SubscriptionStatus

# Above this a number is shown as "999+": an open list may be long, and a page is no report.
MANY = 999
NEXT_SUBSCRIPTIONS = 6
LATEST_INVOICES = 8
LOW_GRANTS = 5
FIGURE_DAYS = 30
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Deliveries:
    """Events of the last 24 whole hours and the running one, and when the latest came."""

    accepted_count: int
    duplicate_count: int
    latest_at: datetime | None


@dataclass(frozen=True)
class Concern:
    """Something that a person should look at, with where to look."""

    tone: str
    text: str
    url: str | None


@dataclass(frozen=True)
class Rolling:
    """How far usage is rolled up. lag: since the latest round; None before the first."""

    rolled_at: datetime | None
    lag: timedelta | None

    @property
    def is_fresh(self) -> bool:
        """Whether the latest round is no older than a minute: rounds follow one another every few seconds."""
        return self.lag is not None and self.lag < timedelta(minutes=1)


def deliveries(*, now: datetime) -> Deliveries:
    """Add up what the keys delivered since 24 hours ago; hours are UTC hours."""
    row = DeliveryHour.objects.filter(hour__gt=now - timedelta(hours=25)).aggregate(
        accepted=Sum("accepted_count"), duplicate=Sum("duplicate_count")
    )
    latest = DeliveryHour.objects.filter(latest_success_at__isnull=False).order_by("-hour", "-id").values("latest_success_at")[:1]
    latest_at = latest[0]["latest_success_at"] if latest else None
    return Deliveries(row["accepted"] or 0, row["duplicate"] or 0, latest_at)


def accepted_by_day(*, now: datetime) -> list[tuple[datetime, int]]:
    """List the accepted events of each UTC day of the last 30, empty days too, ascending."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start = midnight - timedelta(days=FIGURE_DAYS - 1)
    rows = (
        DeliveryHour.objects.filter(hour__gte=start)
        .annotate(day=TruncDay("hour", tzinfo=UTC)).order_by()
        .values("day").annotate(accepted=Sum("accepted_count"))
    )  # fmt: skip
    found = {row["day"]: row["accepted"] for row in rows}
    days = [start + timedelta(days=number) for number in range(FIGURE_DAYS)]
    return [(day, found.get(day, 0)) for day in days]


def rolling(*, now: datetime) -> Rolling:
    """Say when usage was last rolled up."""
    live = RollPosition.objects.filter(meter__isnull=True).first()
    rolled_at = live.rolled_at if live else None
    return Rolling(rolled_at, now - rolled_at if rolled_at else None)


def live_subscription_counts() -> tuple[int, int]:
    """Count the running subscriptions and the customers that have one."""
    row = Subscription.objects.filter(status__in=[SubscriptionStatus.ACTIVE, SubscriptionStatus.PAUSED]).aggregate(
        subscriptions=Count("id"), customers=Count("customer", distinct=True)
    )
    return row["subscriptions"], row["customers"]


def next_billing(*, now: datetime) -> list[Running]:
    """List the subscriptions whose next billing point comes first."""
    rows = Subscription.objects.filter(next_point__isnull=False).order_by("next_point__point_at", "id")[:NEXT_SUBSCRIPTIONS]
    return subscriptions.running(subscriptions.with_phases(rows), now=now)


def latest_invoices() -> QuerySet[Invoice]:
    """List the latest invoices, drafts among them."""
    return invoices.listed().order_by("-id")[:LATEST_INVOICES]


def concerns(*, now: datetime) -> list[Concern]:
    """List what a person should look at, the gravest first."""
    failed_meters = RollPosition.objects.filter(failed_at__isnull=False).select_related("meter")
    found = [
        Concern("bad", _("%(meter)s cannot be rolled up: %(failure)s") % {"meter": row.meter, "failure": row.failure}, None)
        for row in failed_meters
    ]
    found += [
        Concern("bad", delivery.silence_words(key, silence), reverse("dashboard:delivery_key", args=[key.public_id]))
        for key, silence in silent_keys(now=now)
    ]
    found += [
        Concern("warn", _("%(customer)s: %(grant)s is low") % {"customer": grant.customer, "grant": grant}, _page_of(grant))
        for grant in _low_grants()
    ]
    counted = (_counted(*one) for one in (*_grave(now), *_waiting(now)))
    return found + [concern for concern in counted if concern]


Counted = tuple[str, QuerySet[Any], Callable[[int], str], str]
"""How grave rows of a kind are, which they are, what to say of so many, and where they are listed."""


def _counted(tone: str, rows: QuerySet[Any], words: Callable[[int], str], url: str) -> Concern | None:
    number = rows.order_by()[: MANY + 1].count()
    if not number:
        return None
    shown = f"{MANY}+" if number > MANY else str(number)
    return Concern(tone, words(number) % {"n": shown}, url)


def _grave(now: datetime) -> list[Counted]:
    return [
        (
            "bad",
            Job.objects.filter(status=JobStatus.FAILED, created_at__gte=now - WEEK),
            lambda n: ngettext("%(n)s job failed this week", "%(n)s jobs failed this week", n),
            reverse("dashboard:jobs") + "?status=failed",
        ),
        (
            "bad",
            verifying.standing(),
            lambda n: ngettext("%(n)s invoice does not hold", "%(n)s invoices do not hold", n),
            reverse("dashboard:verifications") + "?state=failing",
        ),
    ]


def _waiting(now: datetime) -> list[Counted]:
    unread = RefusedRequest.objects.filter(
        status=RejectedStatus.OPEN, event_count__isnull=True, latest_received_at__gte=now - WEEK
    )
    return [
        (
            "warn",
            RejectedEvent.objects.filter(status=RejectedStatus.OPEN),
            lambda n: ngettext("%(n)s event was refused and not replayed", "%(n)s events were refused and not replayed", n),
            reverse("dashboard:refused"),
        ),
        (
            "warn",
            unread,
            lambda n: ngettext(
                "%(n)s request was refused as a whole this week", "%(n)s requests were refused as a whole this week", n
            ),
            reverse("dashboard:refused_requests") + "?unread=true",
        ),
        (
            "warn",
            EventConflict.objects.filter(status=ConflictStatus.OPEN),
            lambda n: ngettext("%(n)s event id came with two contents", "%(n)s event ids came with two contents", n),
            reverse("dashboard:conflicts"),
        ),
        (
            "warn",
            Invoice.objects.filter(overdue(now=now)),
            lambda n: ngettext("%(n)s invoice is overdue", "%(n)s invoices are overdue", n),
            reverse("dashboard:invoices") + "?overdue=true",
        ),
        (
            "note",
            Invoice.objects.filter(status=InvoiceStatus.DRAFT, is_held=True),
            lambda n: ngettext("%(n)s draft is held back", "%(n)s drafts are held back", n),
            reverse("dashboard:invoices") + "?status=draft",
        ),
    ]


def _low_grants() -> QuerySet[CreditGrant]:
    """List the grants that ran low, the latest first."""
    rows = CreditGrant.objects.filter(lowbalance__recovered_at=None, lowbalance__isnull=False)
    return rows.select_related("customer").order_by("-lowbalance__crossed_at", "-id")[:LOW_GRANTS]


def _page_of(grant: CreditGrant) -> str:
    return reverse("dashboard:grant", args=[grant.public_id])
