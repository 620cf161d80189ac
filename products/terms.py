"""Read what a product costs at an instant, as the pure price terms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar

from core import database
from core.periods import Interval, Zone, local_date, local_midnight
from products.cycles import Phase, Schedule
from products.models import SubscriptionPhase
from products.pricing import PriceModel, PriceTerms, Tier


@dataclass(frozen=True)
class MeterTerms:
    """The terms of one meter in one price version. meter_id: the integer key."""

    meter_id: int
    meter_name: str
    terms: PriceTerms
    display_per: int


class StoredVersion(NamedTuple):
    """A price version as a plain row. The fields are those of PriceVersion, and of its product with product_ before the name."""

    id: int
    product_id: int
    product_public_id: str
    product_name: str
    number: int
    effective_at: datetime
    currency: str
    fixed_price: int
    payment_frequency_interval: str | None
    payment_frequency_count: int | None
    subscription_period_interval: str | None
    subscription_period_count: int | None
    tax_inclusive: bool


@dataclass(frozen=True)
class Terms:
    """One price version, whole. fixed_price: minor units per cycle (or once)."""

    version: StoredVersion
    meters: tuple[MeterTerms, ...]


# By SQL: every chunk of a billing run asks, and Django would take ten times as long to put the questions together as to read the answers.
# Without the zeros that fill up a column: they would be carried, and written, with every amount that comes of a price.
_VERSIONS = """
SELECT v.id, v.product_id, p.public_id, p.name, v.number, v.effective_at, v.currency, v.fixed_price, v.payment_frequency_interval,
    v.payment_frequency_count, v.subscription_period_interval, v.subscription_period_count, v.tax_inclusive
FROM products_priceversion v JOIN products_product p ON p.id = v.product_id
WHERE v.product_id = ANY(%(products)s::bigint[]) ORDER BY v.number
"""
_PRICES = """
SELECT v.id, t.id, t.meter_id, m.name, t.display_per, v.currency, t.price_model, trim_scale(t.price_per_unit), t.free_threshold,
    trim_scale(t.package_size), t.minimum_amount, t.maximum_amount
FROM products_meterprice t JOIN meters_meter m ON m.id = t.meter_id JOIN products_priceversion v ON v.id = t.price_version_id
WHERE v.product_id = ANY(%(products)s::bigint[]) ORDER BY t.position
"""
_TIERS = """
SELECT r.meter_price_id, trim_scale(r.up_to), trim_scale(r.unit_price), r.flat_amount
FROM products_pricetier r JOIN products_meterprice t ON t.id = r.meter_price_id JOIN products_priceversion v ON v.id = t.price_version_id
WHERE v.product_id = ANY(%(products)s::bigint[]) ORDER BY r.position
"""


def of_products(product_ids: Iterable[int]) -> Mapping[int, tuple[Terms, ...]]:
    """Read every version of the products, ascending by number, in three statements."""
    bound = {"products": database.array(set(product_ids))}
    # In this order: of a version that is written meanwhile nothing is found, or all.
    versions, prices, tiers = (database.read(statement, bound) for statement in (_VERSIONS, _PRICES, _TIERS))
    tiers_of: dict[int, list[Tier]] = {}
    for price_id, *tier in tiers:
        tiers_of.setdefault(price_id, []).append(Tier(*tier))
    meters_of: dict[int, list[MeterTerms]] = {}
    for version_id, price_id, meter_id, name, display_per, *price in prices:
        priced = _price_terms(*price, tiers=tuple(tiers_of.get(price_id, ())))
        meters_of.setdefault(version_id, []).append(MeterTerms(meter_id, name, priced, display_per))
    read: dict[int, list[Terms]] = {}
    for version in map(StoredVersion._make, versions):
        read.setdefault(version.product_id, []).append(Terms(version, tuple(meters_of.get(version.id, ()))))
    return {product_id: tuple(ordered) for product_id, ordered in read.items()}


def in_force(versions: Sequence[Terms], instant: datetime) -> Terms:
    """Give the version in force at an instant; the first one also counts before it was written, for cycles that began earlier."""
    return next((terms for terms in reversed(versions) if terms.version.effective_at <= instant), versions[0])


class StoredPhase(NamedTuple):
    """A phase as a plain row. The fields are those of SubscriptionPhase."""

    subscription_id: int
    first_cycle: int
    starts_at: datetime
    anchor_date: date
    interval_unit: str
    interval_count: int
    product_id: int
    quantity: int | None
    continues_from: datetime | None
    made_at: datetime | None
    credits_fee: bool
    begins_anew: bool
    former_expires_at: datetime | None


AnyPhase = TypeVar("AnyPhase", SubscriptionPhase, StoredPhase)

_PHASES = """
SELECT subscription_id, first_cycle, starts_at, anchor_date, interval_unit, interval_count, product_id,
    quantity, continues_from, made_at, credits_fee, begins_anew,
    former_expires_at
FROM products_subscriptionphase WHERE subscription_id = ANY(%(ids)s::bigint[])
ORDER BY subscription_id, first_cycle
"""


def phases_of(subscription_ids: Iterable[int]) -> dict[int, list[StoredPhase]]:
    """Read the phases of many subscriptions, ascending, in one statement; every subscription has one."""
    found: dict[int, list[StoredPhase]] = {}
    for row in database.read(_PHASES, {"ids": database.array(set(subscription_ids))}):
        found.setdefault(row[0], []).append(StoredPhase._make(row))
    return found


def schedule(phases: Iterable[SubscriptionPhase | StoredPhase], *, zone: Zone, ends_at: datetime | None) -> Schedule:
    """Make the pure schedule of one subscription's stored phases."""
    ordered = sorted(phases, key=lambda phase: phase.first_cycle)
    return Schedule(
        tuple(
            Phase(
                phase.first_cycle,
                phase.starts_at,
                phase.anchor_date,
                Interval(phase.interval_unit, phase.interval_count),  # type: ignore[arg-type]  # the database checks it
                continues_from=phase.continues_from,
                made_at=phase.made_at,
                credits_fee=phase.credits_fee,
                begins_anew=phase.begins_anew,
                former_expires_at=phase.former_expires_at,
            )
            for phase in ordered
        ),
        zone,
        ends_at,
    )


class Schedules:
    """Makes schedules, one for all subscriptions of a zone whose cycles are the same from the second on.

    Those have one phase, anchored on the same day: the instant at which it began on that day decides only where cycle 1 starts.
    """

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._made: dict[tuple[object, ...], tuple[Schedule, datetime]] = {}

    def from_cycle_2(self, phases: Sequence[StoredPhase], *, ends_at: datetime | None) -> Schedule | None:
        """Give a schedule that has the cycles of these phases from the second on; None where none is shared."""
        if len(phases) > 1:
            return None
        (phase,) = phases
        known = self._zones_of(phase)
        if known is None:
            return None
        zone, began_in = known
        alike = (phase.anchor_date, phase.interval_unit, phase.interval_count, ends_at, zone)
        if alike not in self._made:
            midnight = phase._replace(starts_at=local_midnight(phase.anchor_date, began_in))
            made = schedule([midnight], zone=zone, ends_at=ends_at)
            self._made[alike] = made, made.whole_cycle(1).end
        shared, end_of_first = self._made[alike]
        return shared if phase.starts_at < end_of_first else None

    def from_cycle(self, n: int, phases: Sequence[StoredPhase], *, ends_at: datetime | None) -> Schedule:
        """Give a schedule that has the cycles of these phases from the n-th on: a shared one where there is one."""
        shared = self.from_cycle_2(phases, ends_at=ends_at) if n > 1 else None
        return shared or schedule(phases, zone=self._zone, ends_at=ends_at)

    def _zones_of(self, phase: StoredPhase) -> tuple[Zone, str] | None:
        """Give the zones that a phase's cycles know, and that in which it began; None where it is anchored before it begins."""
        zone = self._zone
        if isinstance(zone, str):
            return zone, zone
        began_in = zone.at(phase.starts_at)
        return (zone.since(phase.starts_at), began_in) if phase.anchor_date == local_date(phase.starts_at, began_in) else None


def phase_of_cycle(phases: Sequence[AnyPhase], n: int) -> AnyPhase:
    """Give the stored phase that cycle n belongs to."""
    if len(phases) == 1:
        return phases[0]
    return max((phase for phase in phases if phase.first_cycle <= max(n, 1)), key=lambda phase: phase.first_cycle)


def _price_terms(
    currency: str,
    model: PriceModel,
    unit_price: Decimal | None,
    free_threshold: int,
    package_size: Decimal | None,
    minimum_amount: int | None,
    maximum_amount: int | None,
    *,
    tiers: tuple[Tier, ...],
) -> PriceTerms:
    return PriceTerms(currency, model, unit_price, Decimal(free_threshold), tiers, package_size, minimum_amount, maximum_amount)
