"""Write money, quantities, instants and badges in templates, in one form everywhere."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from core import formatting
from core.deployment import billing_zone
from core.language import locale
from core.money import plain
from credits.models import CreditGrant
from dashboard import badges, navigation, wording
from dashboard.badges import Badge
from dashboard.icons import ICONS
from invoices import trace
from invoices.anomalies import Anomaly
from invoices.models import Invoice, InvoiceKind, InvoiceStatus
from jobs.models import Job
from meters import filters, verdicts
from meters.models import Meter
from products.models import MeterPrice, Subscription
from products.terms import MeterTerms
from products.zones import date_at, name_at

register = template.Library()

_WHOLE = 16  # characters that a column of figures has room for on a phone


@register.filter
def may_break(figure: str) -> str:
    """Let a very long figure break behind its groups of digits, where a table keeps others in one piece; copied, it is the same."""
    if len(figure) <= _WHOLE:
        return figure
    groups = re.split(r"(?<=\d\D)(?=\d+\D)", figure)
    return format_html('<span class="long">{}</span>', format_html_join(mark_safe("<wbr>"), "{}", ((one,) for one in groups)))


@register.filter
def at(row: Sequence[Any], place: int) -> Any:
    """Give what stands at a place of a row, counted from 0."""
    return row[place]


@register.simple_tag
def share(part: int, whole: int) -> str:
    """Write a part of a whole in percent, to one decimal."""
    return formatting.percent((Decimal(part) / whole).quantize(Decimal("0.001")) if whole else Decimal(0), locale=locale())


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html('<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="{}"/></svg>', ICONS[name])


@register.simple_tag
def amount(minor: int | None, currency: str) -> str:
    return formatting.NOTHING if minor is None else may_break(formatting.amount(minor, currency, locale=locale()))


@register.simple_tag
def amount_change(minor: int, currency: str) -> str:
    """Write by how much an amount grows or falls, with its sign."""
    return may_break(f"{'+' if minor > 0 else ''}{formatting.amount(minor, currency, locale=locale())}")


@register.simple_tag
def unit_price(minor: Decimal | None, currency: str) -> str:
    return formatting.NOTHING if minor is None else may_break(formatting.exact_amount(minor, currency, locale=locale()))


@register.simple_tag
def credit_amount(grant: CreditGrant, held: Decimal) -> str:
    """Write what a grant holds: units of its meter, or money."""
    if grant.meter is None:
        return unit_price(held, grant.currency or "")
    return may_break(f"{quantity(held)} {grant.meter.measurement_unit}")


@register.filter
def quantity(number: Decimal | int | None) -> str:
    return formatting.quantity(number, locale=locale())


@register.filter
def decimal_text(text: str | None) -> str:
    """Write a quantity that is kept as text."""
    return quantity(None if text is None else Decimal(text))


@register.filter
def short_quantity(number: Decimal | int | None) -> str:
    return formatting.short_quantity(number, locale=locale())


@register.simple_tag
def change(now: Decimal | None, before: Decimal | None) -> SafeString:
    """Say by how much a figure grew or fell; nothing is said where there is nothing to compare with."""
    text = formatting.change(now, before, locale=locale())
    if text is None:
        return mark_safe("")
    tone = "flat" if text == "0%" else "up" if text.startswith("+") else "down"
    return format_html('<span class="{}">{}</span>', tone, text)


@register.simple_tag
def instant(moment: datetime | None, style: str = "minute") -> SafeString:
    """Mark an instant up for the script that writes it in the reader's zone. style: minute, second, full or ago."""
    if moment is None:
        return mark_safe(formatting.NOTHING)  # noqa: S308
    shown = formatting.instant(moment.astimezone(UTC), seconds=style in {"second", "full"}, locale=locale())
    return format_html('<time datetime="{}" data-time="{}">{}</time>', moment.astimezone(UTC).isoformat(), style, shown)


@register.simple_tag
def period(start: datetime, end: datetime | None) -> SafeString:
    """Write a half-open period by its first and last day in the billing zone in which it began, with the exact bounds as its title."""
    zone = ZoneInfo(name_at(start, billing_zone()))
    first = start.astimezone(zone).date()
    bounds = f"{start.astimezone(UTC).isoformat()} ≤ t < {end.astimezone(UTC).isoformat() if end else '∞'}"
    if end is None:
        text = _("since %(day)s") % {"day": formatting.day(first, locale=locale())}
    else:
        latest = (end.astimezone(zone) - timedelta(microseconds=1)).date()
        text = formatting.day_range(first, latest, locale=locale())
    return format_html('<span class="nowrap" title="{}">{}</span>', bounds, text)


@register.simple_tag
def calendar_day(moment: datetime | None, set_at: datetime | None = None) -> SafeString:
    """Write the day of an instant in the billing zone of then, where the day is what counts: due dates, billing points.

    set_at: when it was set, where that was before: see date_at.
    """
    if moment is None:
        return mark_safe(formatting.NOTHING)  # noqa: S308
    shown = formatting.day(date_at(moment, billing_zone(), set_at=set_at), locale=locale())
    title = formatting.instant(moment.astimezone(UTC), seconds=True, locale=locale())
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.astimezone(UTC).isoformat(), title, shown)


@register.simple_tag
def day(on: date) -> str:
    return formatting.day(on, locale=locale())


@register.simple_tag
def month(on: date) -> str:
    return formatting.window_start(datetime.combine(on, time.min), "month", locale=locale())


@register.filter
def with_code(sentence: object) -> SafeString:
    """Write a sentence of an error with the names that stand between backticks in it, as the API has them, as code.

    Backticks that do not pair, as in what somebody sent, stay.
    """
    parts = str(sentence).split("`")
    if len(parts) % 2 == 0:
        parts = [str(sentence)]
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if n % 2 else part,) for n, part in enumerate(parts))
    )


@register.filter
def country(code: str) -> str:
    return formatting.country(code, locale=locale())


@register.simple_tag
def percent(fraction: Decimal) -> str:
    return formatting.percent(fraction, locale=locale())


@register.simple_tag
def invoice_badge(invoice: Invoice) -> SafeString:
    """Show an invoice's status; issued, with something to pay and past its due date, is overdue."""
    asks_for_payment = invoice.status == InvoiceStatus.ISSUED and invoice.kind != InvoiceKind.CREDIT_NOTE
    overdue = asks_for_payment and invoice.due_at and invoice.due_at < timezone.now()
    return _pill(badges.OVERDUE if overdue else badges.of(badges.INVOICE, invoice.status))


@register.simple_tag
def subscription_badge(subscription: Subscription) -> SafeString:
    return _pill(badges.of(badges.SUBSCRIPTION, subscription.status))


@register.simple_tag
def job_badge(job: Job) -> SafeString:
    return _pill(badges.of(badges.JOB, job.status))


@register.simple_tag
def state_badge(state: str) -> SafeString:
    return _pill(badges.of(badges.STATE, state))


def _pill(badge: Badge) -> SafeString:
    return format_html('<span class="badge badge-{}">{}</span>', badge.tone, badge.label)


@register.simple_tag
def interval_words(unit: str | None, count: int | None) -> str:
    return wording.interval(unit, count)


@register.simple_tag
def meter_price_words(price: MeterPrice, currency: str) -> str:
    return wording.meter_price(price, currency)


@register.simple_tag
def terms_words(priced: MeterTerms, unit: str, *, with_free: bool = True) -> str:
    return wording.terms(priced, unit, with_free=with_free)


@register.simple_tag
def zoned(moment: datetime, window: str) -> str:
    """Write the start of a window in the billing zone, as finely as the window needs."""
    local = moment.astimezone(ZoneInfo(settings.BILLING_TIME_ZONE))
    return formatting.window_start(local, window, locale=locale())


@register.filter
def metadata_text(scalar: object) -> str:
    """Write a metadata value as it was sent: numbers digit by digit, without grouping."""
    if isinstance(scalar, bool):
        return "true" if scalar else "false"
    return plain(Decimal(scalar)) if isinstance(scalar, int | Decimal) else str(scalar)


@register.filter
def pretty_json(content: Any) -> str:
    """Write JSON to be read: a line for each member."""
    return json.dumps(content, indent=2, ensure_ascii=False)


@register.filter
def metadata_kind(scalar: object) -> str:
    return wording.kind(filters.kind_of(scalar) or "")


@register.simple_tag
def kind_words(kind: str) -> str:
    return wording.kind(kind)


@register.simple_tag
def condition_words(condition: filters.Condition) -> str:
    return wording.condition(condition)


@register.filter
def clause_words(clause: filters.Clause) -> str:
    return wording.condition(clause)


@register.simple_tag
def reason_words(reason: str, meter: Meter) -> str:
    return wording.reason(reason, meter)


@register.simple_tag
def near_miss_words(miss: verdicts.NearMiss) -> str:
    return _(verdicts.NEAR_MISSES[miss.kind])


@register.simple_tag
def standing_words(standing: trace.Standing) -> str:
    return _(trace.STANDINGS[standing])


@register.simple_tag
def translate_text(text: str) -> str:
    """Translate what a module without a framework marked with gettext_noop."""
    return _(text)


@register.simple_tag
def definition_words(meter: Meter) -> str:
    return wording.definition(meter)


@register.simple_tag
def anomaly_words(found: Anomaly, currency: str) -> str:
    return wording.anomaly(found, currency)


@register.simple_tag
def job_words(job: Job) -> str:
    return wording.job(job)


@register.simple_tag(takes_context=True)
def role_names(context: template.Context) -> str:
    return navigation.role_names(context["request"].user)


@register.inclusion_tag("components/navigation.html", takes_context=True)
def navigation_menu(context: template.Context) -> dict[str, Any]:
    request = context["request"]
    return {"groups": navigation.menu(request.user, request.path)}


@register.inclusion_tag("components/copy.html")
def copy(text: str) -> dict[str, str]:
    return {"text": text}


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """Give the page's query string with some parameters changed; None removes one. A change drops the place in the list."""
    parameters = context["request"].GET.copy()
    parameters.pop("cursor", None)
    for name, wanted in changes.items():
        if wanted is None:
            parameters.pop(name, None)
        else:
            parameters[name] = wanted
    return f"?{parameters.urlencode()}" if parameters else "?"


@register.inclusion_tag("components/sort_header.html", takes_context=True)
def sort_header(context: template.Context, name: str, label: str, found: Any, classes: str = "") -> dict[str, Any]:
    """Write the head of a column that can be sorted. found: has `sort`, "-" for descending, and the names that can be sorted by."""
    current = found.sort.removeprefix("-") == name
    descends = found.sort.startswith("-")
    turned = name if (current and descends) or (not current and name == "name") else f"-{name}"
    return {
        "label": label,
        "classes": classes,
        "address": query(context, sort=turned, page=None) if name in found.sorts else "",
        "order": ("descending" if descends else "ascending") if current else "",
    }
