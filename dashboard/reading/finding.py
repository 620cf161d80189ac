"""Find what a text may mean: anything by its id or number, and what has a name by a part of it. A fixed number of bounded queries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from access.models import ApiKey
from credits.models import CreditGrant
from customers.listing import CustomerFilter
from customers.models import Customer
from dashboard import wording
from dashboard.reading import subscriptions
from invoices.models import Invoice, InvoiceLine
from invoices.series_models import InvoiceSeries
from jobs.models import Job
from meters import explain
from meters.listing import MeterFilter
from meters.models import Meter
from products.listing import ProductFilter
from products.models import Product, Subscription
from webhooks.models import WebhookEndpoint

SHOWN = 8
LONGEST_NUMBER = 12


@dataclass(frozen=True)
class Hit:
    """Something that was found. is_meant: by its whole id, number or e-mail address, not by a part of its name."""

    title: str
    note: str
    url: str
    is_meant: bool


@dataclass(frozen=True)
class Group:
    """What was found of one kind, what is meant first. more: the list that holds the rest, None where nothing is left."""

    title: str
    icon: str
    hits: Sequence[Hit]
    more: str | None = None


def find(text: str, *, may: Callable[[str], bool]) -> list[Group]:
    """Find what `text` may mean, which is not empty; kinds of which there is nothing are left out.

    may: whether the page of an address name may be opened by who asks; what that shows is not looked for otherwise.
    """
    groups = (finder(text) for page, finder in FINDERS.items() if may(page))
    return [group for group in groups if group.hits]


def only(groups: Sequence[Group]) -> Hit | None:
    """Give what is meant, if that is one thing: names of which the text is a part do not stand in its way."""
    meant = [hit for group in groups for hit in group.hits if hit.is_meant]
    return meant[0] if len(meant) == 1 else None


def _group(title: str, icon: str, hits: list[Hit], *, listed: str = "", text: str = "") -> Group:
    """Cut what a list would show at length. listed: the address name of that list."""
    in_order = sorted(hits, key=lambda hit: not hit.is_meant)
    more = f"{reverse(listed)}?{urlencode({'search': text})}" if listed and len(hits) > SHOWN else None
    return Group(title, icon, in_order[:SHOWN], more)


def _customers(text: str) -> Group:
    whole = Q(public_id=text) | Q(external_id=text) | Q(email__iexact=text)
    meant = list(Customer.objects.filter(whole).order_by("id")[: SHOWN + 1])
    alike = CustomerFilter({"search": text}, queryset=Customer.objects.exclude(whole)).qs.order_by("name", "id")[: SHOWN + 1]
    hits = [_customer(one, is_meant=True) for one in meant] + [_customer(one, is_meant=False) for one in alike]
    return _group(_("Customers"), "customer", hits, listed="dashboard:customers", text=text)


def _customer(one: Customer, *, is_meant: bool) -> Hit:
    return Hit(one.name, one.email, reverse("dashboard:customer", args=[one.public_id]), is_meant)


def _invoices(text: str) -> Group:
    carrying = list(InvoiceLine.objects.filter(public_id=text).values_list("invoice_id", flat=True))
    whole = Q(public_id=text) | Q(number=text.upper()) | Q(pk__in=carrying) | _numbered(text)
    rows = Invoice.objects.filter(whole).select_related("customer").order_by("-id")[:SHOWN]
    hits = [
        Hit(one.number or _("Draft"), one.customer.name, reverse("dashboard:invoice", args=[one.public_id]), is_meant=True)
        for one in rows
    ]
    return _group(_("Invoices"), "invoice", hits)


def _numbered(text: str) -> Q:
    """Match digits alone as the end of a number, in any series and year: people say 145 of INV-2026-000145."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER):
        return Q(pk__in=[])
    series = list(InvoiceSeries.objects.order_by("-year", "-series").values_list("pk", flat=True))
    return Q(series__in=series, series_number=int(digits))


def _subscriptions(text: str) -> Group:
    rows = subscriptions.with_phases(Subscription.objects.filter(public_id=text))
    hits = [
        Hit(one.customer.name, _("Subscription"), reverse("dashboard:subscription", args=[one.public_id]), is_meant=True)
        for one in rows
    ]
    return _group(_("Subscriptions"), "subscription", hits)


def _meters(text: str) -> Group:
    rows = MeterFilter({"search": text}, queryset=Meter.objects.order_by("name", "id")).qs[: SHOWN + 1]
    hits = [
        Hit(one.name, one.event_name, reverse("dashboard:meter", args=[one.public_id]), is_meant=one.public_id == text)
        for one in rows
    ]
    return _group(_("Meters"), "meter", hits, listed="dashboard:meters", text=text)


def _products(text: str) -> Group:
    rows = ProductFilter({"search": text}, queryset=Product.objects.order_by("name", "id")).qs[: SHOWN + 1]
    hits = [
        Hit(one.name, one.get_price_kind_display(), reverse("dashboard:product", args=[one.public_id]), one.public_id == text)
        for one in rows
    ]
    return _group(_("Products"), "product", hits, listed="dashboard:products", text=text)


def _grants(text: str) -> Group:
    rows = CreditGrant.objects.filter(public_id=text).select_related("customer", "meter")
    hits = [Hit(str(one), one.customer.name, reverse("dashboard:grant", args=[one.public_id]), is_meant=True) for one in rows]
    return _group(_("Credit"), "credit", hits)


def _events(text: str) -> Group:
    address = f"{reverse('dashboard:event')}?{urlencode({'id': text})}"
    hits = [Hit(text, _("Event id"), address, is_meant=True)] if explain.is_known(text) else []
    return _group(_("Events"), "event", hits)


def _jobs(text: str) -> Group:
    rows = Job.objects.filter(public_id=text)
    hits = [Hit(wording.job(one), one.public_id, reverse("dashboard:job", args=[one.public_id]), is_meant=True) for one in rows]
    return _group(_("Jobs"), "job", hits)


def _keys(text: str) -> Group:
    rows = ApiKey.objects.filter(public_id=text)
    hits = [Hit(one.name, _("API key"), reverse("dashboard:delivery_key", args=[one.public_id]), is_meant=True) for one in rows]
    return _group(_("API keys"), "key", hits)


def _endpoints(text: str) -> Group:
    rows = WebhookEndpoint.objects.filter(Q(public_id=text) | Q(url=text), deleted_at=None).order_by("id")[:SHOWN]
    hits = [Hit(one.url, one.description, reverse("dashboard:webhook", args=[one.public_id]), is_meant=True) for one in rows]
    return _group(_("Webhooks"), "webhook", hits)


FINDERS: Mapping[str, Callable[[str], Group]] = {
    "dashboard:customer": _customers,
    "dashboard:invoice": _invoices,
    "dashboard:subscription": _subscriptions,
    "dashboard:event": _events,
    "dashboard:meter": _meters,
    "dashboard:product": _products,
    "dashboard:grant": _grants,
    "dashboard:job": _jobs,
    "dashboard:delivery_key": _keys,
    "dashboard:webhook": _endpoints,
}
"""What looks for each kind, by the page on which it is shown."""
