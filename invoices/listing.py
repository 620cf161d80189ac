"""Filter lists of invoices, for pages, exports and the API alike."""

from collections.abc import Mapping
from datetime import datetime

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.filtering import ANY, InstantFilter, reference, search
from core.money import CURRENCIES
from invoices import verifying
from invoices.anomalies import LABELS
from invoices.late_models import LateState, LateUsage
from invoices.models import Invoice, InvoiceKind, InvoiceStatus
from invoices.verification_models import Verification


def overdue(*, now: datetime) -> Q:
    """Match what is overdue: issued, and past its due date; a credit note asks for no payment (semantics 16)."""
    return Q(status=InvoiceStatus.ISSUED, due_at__lt=now) & ~Q(kind=InvoiceKind.CREDIT_NOTE)


class FilterRefused(DomainError):
    """A filter that would be left out, and so widen what is acted on to everybody's."""

    code = "FILTER_UNREADABLE"


class FilterEmpty(FilterRefused):
    """An id is there without a text."""

    code = "FILTER_EMPTY"


def refuse_empty(filters: Mapping[str, str]) -> None:
    """Refuse an id that is there without a text, where what is found is acted on. Raises FilterEmpty."""
    for name in ("customer_id", "subscription_id"):
        if name in filters and not filters[name].strip():
            raise FilterEmpty(f"{name} is empty. Leave it out to mean all.", field=name)


class InvoiceFilter(django_filters.FilterSet):
    """period_start, period_end: invoices whose period lies in [start, end).  customer_id, subscription_id: public ids."""

    search = search("by_text", _("Number, customer or id"))
    status = django_filters.ChoiceFilter(choices=InvoiceStatus.choices, label=_("Status"), empty_label=ANY)
    kind = django_filters.ChoiceFilter(choices=InvoiceKind.choices, label=_("Kind"), empty_label=ANY)
    currency = django_filters.ChoiceFilter(choices=[(code, code) for code in CURRENCIES], label=_("Currency"), empty_label=ANY)
    period_start = InstantFilter(field_name="period_start", lookup_expr="gte", label=_("Period from"))
    period_end = InstantFilter(field_name="period_end", lookup_expr="lte", label=_("Period to"), through=True)
    overdue = django_filters.BooleanFilter(method="by_overdue", label=_("Overdue"))
    customer_id = reference("customer__public_id")
    subscription_id = reference("subscription__public_id")

    class Meta:
        model = Invoice
        fields: list[str] = []

    def by_overdue(self, rows: QuerySet[Invoice], name: str, wanted: bool) -> QuerySet[Invoice]:
        matching = overdue(now=timezone.now())
        return rows.filter(matching) if wanted else rows.exclude(matching)

    def by_text(self, rows: QuerySet[Invoice], name: str, text: str) -> QuerySet[Invoice]:
        return rows.filter(
            Q(number__istartswith=text)
            | Q(customer__name__icontains=text)
            | Q(customer__email__icontains=text)
            | Q(public_id=text)
            | Q(customer__public_id=text)
        )


class DraftFilter(InvoiceFilter):
    """Drafts that are reviewed. odd: any, none, unknown (not looked at yet), or a kind of what is odd, as of the latest look."""

    odd = django_filters.ChoiceFilter(
        choices=[
            ("any", _("Anything odd")),
            ("none", _("Nothing odd")),
            ("unknown", _("Not looked at yet")),
            *((kind, _(label)) for kind, label in LABELS.items()),
        ],
        label=_("What is odd"),
        empty_label=ANY,
        method="by_odd",
    )

    def by_odd(self, rows: QuerySet[Invoice], name: str, wanted: str) -> QuerySet[Invoice]:
        return rows.filter(oddness(wanted))


def oddness(wanted: str) -> Q:
    """Match drafts by what was odd at the latest look at them, as DraftFilter takes it."""
    known = {"any": Q(odd__len__gt=0), "none": Q(odd__len=0), "unknown": Q(odd=None)}
    return known[wanted] if wanted in known else Q(odd__contains=[wanted])


def acted_on(
    filters: Mapping[str, str], rows: QuerySet[Invoice], *, by: type[InvoiceFilter] = InvoiceFilter
) -> QuerySet[Invoice]:
    """Give what filters find, where it is acted on: a list leaves out what it cannot read. Raises FilterRefused."""
    refuse_empty(filters)
    narrowed = by(filters, queryset=rows)
    for name, problems in narrowed.form.errors.items():
        raise FilterRefused(f"{name} cannot be read: {problems[0]}", field=name)
    return narrowed.qs


class VerificationFilter(django_filters.FilterSet):
    """What verifying came to. state failing: results by which an invoice does not hold now; invoice_id: a public id."""

    STATES = (("failing", _("Does not hold")), ("holds", _("Holds")))

    search = search("by_text", _("Number or id of an invoice"))
    state = django_filters.ChoiceFilter(choices=STATES, label=_("Result"), empty_label=ANY, method="by_state")
    invoice_id = reference("invoice__public_id")

    class Meta:
        model = Verification
        fields: list[str] = []

    def by_state(self, rows: QuerySet[Verification], name: str, state: str) -> QuerySet[Verification]:
        return rows.filter(holds=True) if state == "holds" else rows.filter(id__in=verifying.standing().values("id"))

    def by_text(self, rows: QuerySet[Verification], name: str, text: str) -> QuerySet[Verification]:
        return rows.filter(Q(invoice__number__istartswith=text) | Q(invoice__public_id=text))


class LateUsageFilter(django_filters.FilterSet):
    """Late usage by customer, meter, and what became of it; customer_id, meter_id: public ids."""

    search = search("by_text", _("Customer or meter"))
    state = django_filters.ChoiceFilter(choices=LateState.choices, label=_("State"), empty_label=ANY)
    customer_id = reference("customer__public_id")
    meter_id = reference("meter__public_id")
    subscription_id = reference("subscription__public_id")

    class Meta:
        model = LateUsage
        fields: list[str] = []

    def by_text(self, rows: QuerySet[LateUsage], name: str, text: str) -> QuerySet[LateUsage]:
        return rows.filter(Q(customer__name__icontains=text) | Q(meter__name__icontains=text) | Q(customer__public_id=text))
