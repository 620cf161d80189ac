"""What customers hold before they pay: rules, their periods, and the ledger of every unit."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Floor
from django.utils.translation import gettext_lazy as _

from core.exact_json import ExactDecoder, ExactEncoder
from core.fields import PublicIdField
from core.history import append_only, never_deleted, tracked
from core.references import refers
from customers.models import Customer
from meters.models import Meter
from products.models import IntervalUnit, PriceVersion, Subscription


class CreditKind(models.TextChoices):
    UNITS = "units", _("Units")
    MONEY = "money", _("Money")


class AppliesTo(models.TextChoices):
    USAGE = "usage", _("Usage, before tax")
    INVOICE = "invoice", _("The total, after tax")


class Rollover(models.TextChoices):
    NONE = "none", _("Expires")
    ALL = "all", _("Rolls over whole")
    CAPPED = "capped", _("Rolls over up to a cap")


class CreditTerms(models.Model):
    """What a grant gives.

    units: amount is in the meter's unit.  money: amount is whole minor units of currency.  Lower priority burns first.
    """

    kind = models.CharField(max_length=5, choices=CreditKind)
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, null=True, blank=True)
    currency = models.CharField(max_length=3, null=True, blank=True)
    amount = models.DecimalField(max_digits=48, decimal_places=18)
    applies_to = models.CharField(max_length=7, choices=AppliesTo, default=AppliesTo.USAGE)
    priority = models.SmallIntegerField(default=100)
    rollover = models.CharField(max_length=6, choices=Rollover, default=Rollover.NONE)
    rollover_cap = models.DecimalField(max_digits=48, decimal_places=18, null=True, blank=True)
    name = models.CharField(max_length=200, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="units", meter__isnull=False, currency__isnull=True, applies_to="usage")
                | Q(
                    kind="money",
                    meter__isnull=True,
                    currency__isnull=False,
                    currency__regex="^[A-Z]{3}$",
                    amount=Floor(F("amount")),
                ),
                name="%(class)s_units_or_money",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="%(class)s_amount_positive"),
            models.CheckConstraint(
                condition=Q(rollover="capped", rollover_cap__isnull=False, rollover_cap__gt=0)
                | (~Q(rollover="capped") & Q(rollover_cap__isnull=True)),
                name="%(class)s_cap_when_capped",
            ),
        ]


class ProductCredit(CreditTerms):
    """What a price version grants each of its subscribers anew every cycle."""

    price_version = models.ForeignKey(PriceVersion, on_delete=models.PROTECT, related_name="credits")
    position = models.SmallIntegerField()

    class Meta(CreditTerms.Meta):
        abstract = False
        verbose_name = _("product credit")
        constraints = [
            *CreditTerms.Meta.constraints,
            models.UniqueConstraint(fields=["price_version", "position"], name="product_credit_position_unique"),
        ]
        triggers = append_only("product_credit")

    def __str__(self) -> str:
        return self.name or f"{self.amount} {self.kind}"


@tracked("CreditGrantHistory")
class CreditGrant(CreditTerms):
    """The rule by which a customer gets credit; its units are held by its periods (semantics 9).

    effective_at, expires_at: half-open, no end when null.  A renewing grant follows its subscription's cycles or has its own
    renewal_interval and renewal_count.  cause: what made it, once (an idempotency key, an invoice below zero).
    reason: why somebody gave it.
    """

    public_id = PublicIdField(prefix="cgr")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, null=True, blank=True)
    product_credit = models.ForeignKey(ProductCredit, on_delete=models.PROTECT, null=True, blank=True)
    effective_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    renews = models.BooleanField(default=False)
    renewal_interval = models.CharField(max_length=5, choices=IntervalUnit, null=True, blank=True)
    renewal_count = models.SmallIntegerField(null=True, blank=True)
    low_balance_threshold = models.DecimalField(max_digits=48, decimal_places=18, null=True, blank=True)
    cause = models.CharField(max_length=200, unique=True, null=True, blank=True, editable=False)
    metadata = models.JSONField(default=dict, blank=True, encoder=ExactEncoder, decoder=ExactDecoder)
    reason = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=100, editable=False)
    voided_at = models.DateTimeField(null=True, blank=True, editable=False)
    void_reason = models.TextField(blank=True, editable=False)

    class Meta(CreditTerms.Meta):
        abstract = False
        verbose_name = _("credit grant")
        constraints = [
            *CreditTerms.Meta.constraints,
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gt=F("effective_at")),
                name="credit_grant_expires_after_start",
            ),
            models.CheckConstraint(
                condition=Q(renewal_interval__isnull=True, renewal_count__isnull=True)
                | Q(
                    renews=True,
                    renewal_interval__isnull=False,
                    renewal_interval__in=IntervalUnit.values,
                    renewal_count__isnull=False,
                    renewal_count__gte=1,
                ),
                name="credit_grant_renewal_whole",
            ),
            models.CheckConstraint(
                condition=Q(renews=False) | Q(subscription__isnull=False) | Q(renewal_interval__isnull=False),
                name="credit_grant_renews_by_something",
            ),
            models.CheckConstraint(
                condition=Q(product_credit__isnull=True) | Q(subscription__isnull=False),
                name="credit_grant_of_product_has_subscription",
            ),
        ]
        indexes = [models.Index(fields=["customer", "priority", "id"], name="credit_grant_of_customer")]
        triggers = never_deleted("credit_grant")

    def __str__(self) -> str:
        return self.name or self.public_id


class GrantPeriod(models.Model):
    """What a grant gave for one stretch of usage time, half-open; nothing draws on it once settled (semantics 10)."""

    grant = models.ForeignKey(CreditGrant, on_delete=models.PROTECT, related_name="periods", db_index=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("grant period")
        constraints = [
            models.UniqueConstraint(fields=["grant", "starts_at"], name="grant_period_unique"),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")), name="grant_period_has_length"
            ),
        ]
        indexes = [models.Index(fields=["ends_at", "id"], name="grant_period_to_settle", condition=Q(settled_at__isnull=True))]
        triggers = never_deleted("grant_period")

    def __str__(self) -> str:
        return f"{self.grant_id} from {self.starts_at:%Y-%m-%d}"


class EntryKind(models.TextChoices):
    GRANTED = "granted", _("Granted")
    ROLLED_IN = "rolled_in", _("Rolled in")
    TOPPED_UP = "topped_up", _("Topped up")
    RETURNED = "returned", _("Returned")
    BURNED = "burned", _("Used")
    DEBITED = "debited", _("Debited")
    EXPIRED = "expired", _("Expired")
    ROLLED_OUT = "rolled_out", _("Rolled over")
    VOIDED = "voided", _("Voided")


ADDING = ["granted", "rolled_in", "topped_up", "returned"]


class CreditEntry(models.Model):
    """One change of a period's balance, which is the sum of its entries.

    amount: in the grant's unit or minor units, positive adds.  cause: unique, so that nothing is written twice.
    invoice_id, line_id: public ids of what used or returned it, or ''.
    """

    period = models.ForeignKey(GrantPeriod, on_delete=models.PROTECT, related_name="entries", db_constraint=False)
    kind = models.CharField(max_length=10, choices=EntryKind)
    amount = models.DecimalField(max_digits=48, decimal_places=18)
    cause = models.CharField(max_length=200, unique=True)
    invoice_id = models.CharField(max_length=40, blank=True)
    line_id = models.CharField(max_length=40, blank=True)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=60)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("credit entry")
        verbose_name_plural = _("credit entries")
        indexes = [models.Index(fields=["invoice_id"], name="credit_entry_of_invoice", condition=~Q(invoice_id=""))]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=EntryKind.values), name="credit_entry_kind_known"),
            models.CheckConstraint(
                condition=Q(kind__in=ADDING, amount__gt=0) | (~Q(kind__in=ADDING) & Q(amount__lt=0)),
                name="credit_entry_sign",
            ),
        ]
        triggers = [*append_only("credit_entry"), refers("credit_entry_refers", {"period_id": "credits_grantperiod"})]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class WalletEntry(models.Model):
    """One credit to or debit from a customer's wallet in one currency, with the balance before and after, in minor units."""

    public_id = PublicIdField(prefix="wle")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    currency = models.CharField(max_length=3)
    is_credit = models.BooleanField()
    amount = models.BigIntegerField()
    before_balance = models.BigIntegerField()
    after_balance = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)
    reason = models.TextField(blank=True)
    reference_id = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("wallet entry")
        verbose_name_plural = _("wallet entries")
        constraints = [
            models.UniqueConstraint(fields=["customer", "idempotency_key"], name="wallet_entry_once"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, before_balance__gte=0, after_balance__gte=0), name="wallet_entry_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(is_credit=True, after_balance=F("before_balance") + F("amount"))
                | Q(is_credit=False, after_balance=F("before_balance") - F("amount")),
                name="wallet_entry_adds_up",
            ),
        ]
        triggers = append_only("wallet_entry")

    def __str__(self) -> str:
        return self.public_id


class LowBalance(models.Model):
    """A grant's balance fell to its threshold or below; open until it rises again, so that each crossing is told once."""

    grant = models.ForeignKey(CreditGrant, on_delete=models.PROTECT)
    crossed_at = models.DateTimeField()
    recovered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("low balance")
        constraints = [
            models.UniqueConstraint(fields=["grant"], condition=Q(recovered_at__isnull=True), name="low_balance_one_open"),
        ]

    def __str__(self) -> str:
        return f"{self.grant_id} {self.crossed_at:%Y-%m-%d}"
