"""Say intervals and prices in words, the same on every page."""

from decimal import Decimal
from typing import cast

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import formatting
from core.language import locale
from core.money import exact
from invoices.anomalies import REASONS, Anomaly
from jobs import kinds
from jobs.models import Job
from meters import filters, verdicts
from meters.aggregation import AGGREGATIONS
from meters.definition import Definition
from meters.models import Meter
from products.models import MeterPrice, PriceModel
from products.terms import MeterTerms


def interval(unit: str | None, count: int | None) -> str:
    """Say how often a fixed price falls due: every month, every 3 months, once."""
    if unit is None or count is None:
        return _("once")
    words = {
        "Day": ngettext("every day", "every %(count)s days", count),
        "Week": ngettext("every week", "every %(count)s weeks", count),
        "Month": ngettext("every month", "every %(count)s months", count),
        "Year": ngettext("every year", "every %(count)s years", count),
    }
    return words[unit] % {"count": count}


def meter_price(price: MeterPrice, currency: str) -> str:
    """Say what one meter's units cost, as an invoice reader would: $0.02 per 1,000 tokens after 10,000 free."""
    return _price_words(
        currency=currency,
        unit=price.meter.measurement_unit,
        model=price.price_model,
        unit_price=price.price_per_unit,
        package_size=price.package_size,
        display_per=price.display_per,
        free=Decimal(price.free_threshold),
    )


def terms(priced: MeterTerms, unit: str, *, with_free: bool = True) -> str:
    """Say the same of terms as charges are computed from. with_free: False where the free units stand beside it."""
    found = priced.terms
    return _price_words(
        currency=found.currency,
        unit=unit,
        model=found.model,
        unit_price=found.unit_price,
        package_size=found.package_size,
        display_per=priced.display_per,
        free=found.free_threshold if with_free else Decimal(0),
    )


def _price_words(
    *,
    currency: str,
    unit: str,
    model: str,
    unit_price: Decimal | None,
    package_size: Decimal | None,
    display_per: int,
    free: Decimal,
) -> str:
    if unit_price is None:
        text = _("%(model)s, by tiers of %(unit)s") % {"model": PriceModel(model).label, "unit": unit}
    elif package_size is not None or display_per > 1:
        size = Decimal(display_per) if package_size is None else package_size
        shown = unit_price if package_size is not None else _times(unit_price, display_per)
        words = _("%(price)s per %(size)s %(unit)s") if package_size is None else _("%(price)s per package of %(size)s %(unit)s")
        text = words % {"price": _price(shown, currency), "size": _number(size), "unit": unit}
    else:
        text = _("%(price)s per %(unit)s") % {"price": _price(unit_price, currency), "unit": unit}
    if not free:
        return text
    return _("%(price)s after %(free)s free") % {"price": text, "free": _number(free)}


@exact()
def _times(price: Decimal, count: int) -> Decimal:
    return price * count


def _price(minor: Decimal, currency: str) -> str:
    return formatting.exact_amount(minor, currency, locale=locale())


def _number(number: Decimal) -> str:
    return formatting.quantity(number, locale=locale())


def definition(meter: Meter) -> str:
    """Say what a meter counts: the sum of tokens over events llm.completion where cached is false."""
    return counted(meter.event_name, meter.aggregation, meter.over_property, filters.parse(meter.filter))


def counted(event_name: str, aggregation: str, over_property: str | None, tree: filters.FilterTree) -> str:
    """Say the same of a definition that is no meter yet."""
    found = _(AGGREGATIONS[aggregation].sentence).format(key=over_property)
    named = _("%(aggregation)s over events %(name)s") % {"aggregation": found, "name": event_name}
    if aggregation == "count":
        named = _("the number of events %(name)s") % {"name": event_name}
    sentence = named if tree is None else _("%(named)s where %(condition)s") % {"named": named, "condition": condition(tree)}
    return sentence[:1].upper() + sentence[1:]


def of_definition(found: Definition) -> str:
    """Say what a definition counts."""
    return counted(found.event_name, found.aggregation, found.over_property, found.filter)


def condition(clause: filters.Clause) -> str:
    """Say a filter in words; a group within a group stands in brackets."""
    if isinstance(clause, filters.Condition):
        sentence = _(filters.OPERATORS[clause.operator].sentence)
        return sentence.format(key=clause.key, expected=_scalar(clause.value))
    word = _("and") if clause.conjunction == "and" else _("or")
    parts = [f"({condition(part)})" if isinstance(part, filters.Group) else condition(part) for part in clause.clauses]
    return f" {word} ".join(parts)


def reason(name: str, meter: Meter) -> str:
    """Say why a meter does not count an event; what it reads is named."""
    sentence = _(verdicts.REASONS[cast(verdicts.Reason, name)])
    if not name.startswith("property_"):
        return sentence
    return _("%(sentence)s It reads “%(key)s”.") % {"sentence": sentence, "key": meter.over_property}


def anomaly(found: Anomaly, currency: str) -> str:
    """Say what is odd about a draft."""
    shown = {
        "reason": found.reason,
        "meter": found.meter,
        "unit": found.unit,
        "quantity": _number(found.quantity),
        "before": _number(found.before),
        "amount": formatting.amount(found.amount, currency, locale=locale()),
        "count": found.count,
    }
    return _(REASONS[found.kind]) % shown


def _scalar(scalar: filters.Scalar) -> str:
    if isinstance(scalar, bool):
        return _("true") if scalar else _("false")
    return f"“{scalar}”" if isinstance(scalar, str) else _number(scalar)


def kind(name: str) -> str:
    """Name a kind of metadata value."""
    kinds = {"string": _("string"), "number": _("number"), "boolean": _("boolean")}
    return kinds.get(name, "")


def job(row: Job) -> str:
    """Name what a job does; a kind that this version does not know is shown by its own name."""
    labels = {one.name: str(one.label) for one in kinds.all_kinds()}
    return labels.get(row.kind) or row.kind.replace("_", " ").capitalize()
