"""What is sold, at which terms, to whom, and when its cycles turn."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.exact_json import ExactDecoder, ExactEncoder
from core.fields import PublicIdField
from core.history import append_only, never_deleted, tracked
from customers.models import Customer, PostalAddress
from meters.models import Meter


class IntervalUnit(models.TextChoices):
    DAY = "Day", _("Day")
    WEEK = "Week", _("Week")
    MONTH = "Month", _("Month")
    YEAR = "Year", _("Year")


class PriceKind(models.TextChoices):
    USAGE_BASED = "usage_based_price", _("Usage-based")
    RECURRING = "recurring_price", _("Recurring")
    ONE_TIME = "one_time_price", _("One-time")


class PriceModel(models.TextChoices):
    PER_UNIT = "per_unit", _("Per unit")
    GRADUATED = "graduated", _("Graduated")
    VOLUME = "volume", _("Volume")
    PACKAGE = "package", _("Package")


class TaxCategory(models.TextChoices):
    DIGITAL_PRODUCTS = "digital_products", _("Digital products")
    SAAS = "saas", _("Software as a service")
    E_BOOK = "e_book", _("E-book")
    EDTECH = "edtech", _("Education")
    LIVE_TUTORING = "live_tutoring", _("Live tutoring")


@tracked("ProductHistory")
class Product(models.Model):
    """Something that is sold; its terms stand in its price versions."""

    public_id = PublicIdField(prefix="pdt")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    tax_category = models.CharField(max_length=20, choices=TaxCategory)
    price_kind = models.CharField(max_length=20, choices=PriceKind)
    metadata = models.JSONField(default=dict, blank=True, encoder=ExactEncoder, decoder=ExactDecoder)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        triggers = never_deleted("product")

    def __str__(self) -> str:
        return self.name


class PriceVersion(models.Model):
    """The terms of a product from effective_at on, until the next version; a cycle has those in force at its first instant.

    fixed_price: integer minor units for each cycle (or once, for a one-time price).  Intervals are null for a one-time price.
    """

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="versions")
    number = models.IntegerField()
    effective_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    fixed_price = models.BigIntegerField()
    payment_frequency_interval = models.CharField(max_length=5, choices=IntervalUnit, null=True)
    payment_frequency_count = models.SmallIntegerField(null=True)
    subscription_period_interval = models.CharField(max_length=5, choices=IntervalUnit, null=True)
    subscription_period_count = models.SmallIntegerField(null=True)
    trial_period_days = models.SmallIntegerField(default=0)
    tax_inclusive = models.BooleanField(default=False)
    created_by = models.CharField(max_length=100)

    class Meta:
        verbose_name = _("price version")
        constraints = [
            models.UniqueConstraint(fields=["product", "number"], name="price_version_number_unique"),
            models.CheckConstraint(condition=Q(fixed_price__gte=0), name="price_version_fixed_price_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="price_version_currency_code"),
            models.CheckConstraint(
                condition=Q(payment_frequency_interval__isnull=True, payment_frequency_count__isnull=True)
                | Q(
                    payment_frequency_interval__isnull=False,
                    payment_frequency_interval__in=IntervalUnit.values,
                    payment_frequency_count__isnull=False,
                    payment_frequency_count__gte=1,
                ),
                name="price_version_frequency_whole",
            ),
        ]
        triggers = append_only("price_version")

    def __str__(self) -> str:
        return f"{self.product_id} v{self.number}"


class MeterPrice(models.Model):
    """What one meter's units cost in one price version.

    price_per_unit: minor units per one unit, exact, 12 decimals; for a package, of one package.  free_threshold: units.
    minimum_amount, maximum_amount: minor units per cycle.  display_per: shown per so many units, arithmetic stays per unit.
    """

    price_version = models.ForeignKey(PriceVersion, on_delete=models.PROTECT, related_name="meter_prices")
    position = models.SmallIntegerField()
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT)
    price_model = models.CharField(max_length=10, choices=PriceModel, default=PriceModel.PER_UNIT)
    price_per_unit = models.DecimalField(max_digits=17, decimal_places=12, null=True)
    free_threshold = models.BigIntegerField(default=0)
    package_size = models.DecimalField(max_digits=38, decimal_places=12, null=True)
    minimum_amount = models.BigIntegerField(null=True)
    maximum_amount = models.BigIntegerField(null=True)
    display_per = models.BigIntegerField(default=1)

    class Meta:
        verbose_name = _("meter price")
        constraints = [
            models.UniqueConstraint(fields=["price_version", "meter"], name="meter_price_meter_once"),
            models.UniqueConstraint(fields=["price_version", "position"], name="meter_price_position_unique"),
            models.CheckConstraint(condition=Q(price_model__in=PriceModel.values), name="meter_price_model_known"),
            models.CheckConstraint(
                condition=Q(price_model__in=["per_unit", "package"], price_per_unit__isnull=False, price_per_unit__gt=0)
                | Q(price_model__in=["graduated", "volume"], price_per_unit__isnull=True),
                name="meter_price_unit_price_or_tiers",
            ),
            models.CheckConstraint(
                condition=Q(price_model="package", package_size__isnull=False, package_size__gt=0)
                | (~Q(price_model="package") & Q(package_size__isnull=True)),
                name="meter_price_package_size",
            ),
            models.CheckConstraint(condition=Q(free_threshold__gte=0), name="meter_price_free_not_negative"),
            models.CheckConstraint(condition=Q(display_per__gte=1), name="meter_price_display_per_positive"),
            models.CheckConstraint(
                condition=(Q(minimum_amount__isnull=True) | Q(minimum_amount__gte=0))
                & (Q(maximum_amount__isnull=True) | Q(maximum_amount__gte=0))
                & (Q(minimum_amount__isnull=True) | Q(maximum_amount__isnull=True) | Q(maximum_amount__gte=F("minimum_amount"))),
                name="meter_price_bounds_ordered",
            ),
        ]
        triggers = append_only("meter_price")

    def __str__(self) -> str:
        return f"{self.price_version_id}/{self.meter_id}"


class PriceTier(models.Model):
    """One tier: units up to and including up_to (null: all further ones) at unit_price, plus flat_amount on entering it."""

    meter_price = models.ForeignKey(MeterPrice, on_delete=models.PROTECT, related_name="tiers")
    position = models.SmallIntegerField()
    up_to = models.DecimalField(max_digits=50, decimal_places=18, null=True)
    unit_price = models.DecimalField(max_digits=17, decimal_places=12)
    flat_amount = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("price tier")
        constraints = [
            models.UniqueConstraint(fields=["meter_price", "position"], name="price_tier_position_unique"),
            models.CheckConstraint(condition=Q(unit_price__gte=0, flat_amount__gte=0), name="price_tier_not_negative"),
            models.CheckConstraint(condition=Q(up_to__isnull=True) | Q(up_to__gt=0), name="price_tier_bound_positive"),
        ]
        triggers = append_only("price_tier")

    def __str__(self) -> str:
        return f"{self.meter_price_id}/{self.position}"


class SubscriptionStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Expired")


@tracked("SubscriptionHistory")
class Subscription(PostalAddress):
    """A customer's use of a product, with its billing points (semantics 1).

    quantity: as it began; a phase may have one of its own.  credits_fee_at_end: whether the end gives back what is left of the fee.
    ends_at: the instant from which nothing is billed (null: open end).  bill_from: points before it count as billed elsewhere.
    status pending and active are what the clock makes of start_at; stored as of the latest write.
    """

    public_id = PublicIdField(prefix="sub")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=SubscriptionStatus)
    quantity = models.IntegerField(default=1)
    start_at = models.DateTimeField()
    bill_from = models.DateTimeField(null=True, blank=True)
    trial_ends_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    cancel_at_next_billing_date = models.BooleanField(default=False)
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.CharField(max_length=60, blank=True)
    cancellation_comment = models.TextField(blank=True)
    cancellation_feedback = models.CharField(max_length=30, blank=True)
    credits_fee_at_end = models.BooleanField(default=False)
    business_name = models.CharField(max_length=300, blank=True)
    tax_id = models.CharField(max_length=60, blank=True)
    metadata = models.JSONField(default=dict, blank=True, encoder=ExactEncoder, decoder=ExactDecoder)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name = _("subscription")
        verbose_name_plural = _("subscriptions")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=SubscriptionStatus.values), name="subscription_status_known"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="subscription_currency_code"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="subscription_quantity_positive"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("start_at")), name="subscription_ends_after_start"
            ),
            models.CheckConstraint(
                condition=Q(bill_from__isnull=True) | Q(bill_from__gte=F("start_at")), name="subscription_bill_from_after_start"
            ),
        ]
        triggers = never_deleted("subscription")

    def __str__(self) -> str:
        return self.public_id


class NextPoint(models.Model):
    """The first billing point of a subscription that has no invoice, and its instant; without a row there is none to come.

    In a table of its own: every invoice moves it, and would write all indexes of the subscription with it. It is written under the lock
    of the subscription's row; who reads it to write reads it after that lock, never in the statement that waits for it.
    """

    subscription = models.OneToOneField(Subscription, on_delete=models.PROTECT, primary_key=True, related_name="next_point")
    point = models.IntegerField()
    point_at = models.DateTimeField()

    class Meta:
        verbose_name = _("next billing point")
        verbose_name_plural = _("next billing points")
        indexes = [models.Index(fields=["point_at", "subscription"], name="next_point_due")]
        constraints = [models.CheckConstraint(condition=Q(point__gte=0), name="next_point_not_negative")]

    def __str__(self) -> str:
        return f"{self.subscription_id}/{self.point}"


@tracked("SubscriptionPhaseHistory")
class SubscriptionPhase(models.Model):
    """From cycle first_cycle on, which begins at starts_at, the subscription has this product and anchor.

    Later cycles of the phase begin at the local midnights of anchor_date + n intervals that lie after starts_at (semantics 4);
    the cycle before first_cycle ends at starts_at. A plan change and a new anchor are new rows.
    quantity: null for that of the subscription.  Of continues_from to former_expires_at says products.cycles.Phase what they are.
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="phases")
    first_cycle = models.IntegerField()
    starts_at = models.DateTimeField()
    anchor_date = models.DateField()
    interval_unit = models.CharField(max_length=5, choices=IntervalUnit)
    interval_count = models.SmallIntegerField()
    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    quantity = models.IntegerField(null=True, blank=True)
    continues_from = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField(null=True, blank=True)
    credits_fee = models.BooleanField(default=False)
    begins_anew = models.BooleanField(default=False)
    former_expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("subscription phase")
        constraints = [
            models.UniqueConstraint(fields=["subscription", "first_cycle"], name="subscription_phase_cycle_unique"),
            models.UniqueConstraint(fields=["subscription", "starts_at"], name="subscription_phase_start_unique"),
            models.CheckConstraint(
                condition=Q(first_cycle__gte=1, interval_count__gte=1), name="subscription_phase_counts_from_one"
            ),
            models.CheckConstraint(condition=Q(interval_unit__in=IntervalUnit.values), name="subscription_phase_interval_known"),
            models.CheckConstraint(
                condition=Q(quantity__isnull=True) | Q(quantity__gte=1), name="subscription_phase_quantity_positive"
            ),
            models.CheckConstraint(
                condition=Q(continues_from__isnull=True) | Q(continues_from__lt=F("starts_at")),
                name="subscription_phase_continues_what_began",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id} from {self.first_cycle}"


class SubscriptionPause(models.Model):
    """A stretch in which the fee is suspended, half-open, without an end while it lasts (semantics 15)."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="pauses")
    during = DateTimeRangeField()

    class Meta:
        verbose_name = _("subscription pause")
        constraints = [
            ExclusionConstraint(
                name="subscription_pause_disjoint",
                expressions=[("subscription", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
            ),
        ]
        triggers = never_deleted("subscription_pause")

    def __str__(self) -> str:
        return str(self.during)


class SubscriptionMeter(models.Model):
    """When a subscription carries a meter; at any instant at most one of a customer's does (semantics 3)."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT)
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="meters")
    during = DateTimeRangeField()

    class Meta:
        verbose_name = _("subscription meter")
        constraints = [
            ExclusionConstraint(
                name="meter_already_subscribed",
                expressions=[
                    ("customer", RangeOperators.EQUAL),
                    ("meter", RangeOperators.EQUAL),
                    ("during", RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id}/{self.meter_id}"


class OneTimeItem(models.Model):
    """A one-time product bought with a subscription: one line on its opening invoice."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="one_time_items")
    price_version = models.ForeignKey(PriceVersion, on_delete=models.PROTECT)
    quantity = models.IntegerField()
    amount = models.BigIntegerField()

    class Meta:
        verbose_name = _("one-time item")
        constraints = [models.CheckConstraint(condition=Q(quantity__gte=1, amount__gte=0), name="one_time_item_not_negative")]
        triggers = append_only("one_time_item")

    def __str__(self) -> str:
        return f"{self.subscription_id}/{self.price_version_id}"
