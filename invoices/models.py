"""What was billed: frozen rows, each able to prove its figures."""

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.exact_json import ExactDecoder, ExactEncoder
from core.fields import NumericField, PublicIdField
from core.history import append_only, never_emptied, tracked
from core.references import refers
from credits.models import AppliesTo, GrantPeriod
from customers.models import Customer, PostalAddress
from events.models import LogSnapshot
from invoices import late_models, remark_models, verification_models  # noqa: F401 -- Django finds an app's tables through this module
from invoices.frozen import FROZEN, KEPT, OF_INVOICE, REFERRED
from invoices.series_models import InvoiceSeries
from meters.models import Meter
from products.models import Subscription


@tracked("SellerHistory")
class Seller(PostalAddress):
    """The one row that says who issues the invoices. default_tax_rate is a fraction."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(max_length=300)
    email = models.EmailField(max_length=320, blank=True)
    tax_id = models.CharField(max_length=60, blank=True)
    default_tax_rate = models.DecimalField(max_digits=7, decimal_places=6, default=0)
    payment_terms_days = models.PositiveSmallIntegerField(default=14)
    invoice_footer = models.TextField(blank=True)

    class Meta:
        verbose_name = _("seller")
        verbose_name_plural = _("seller")
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="seller_is_one_row"),
            models.CheckConstraint(
                condition=Q(default_tax_rate__gte=0, default_tax_rate__lte=1), name="seller_tax_rate_is_fraction"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class InvoiceKind(models.TextChoices):
    OPENING = "opening", _("Opening")
    REGULAR = "regular", _("Regular")
    FINAL = "final", _("Final")
    ADJUSTMENT = "adjustment", _("Adjustment")
    CREDIT_NOTE = "credit_note", _("Credit note")


class InvoiceStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    ISSUED = "issued", _("Issued")
    PAID = "paid", _("Paid")
    VOID = "void", _("Void")


class VoidOutcome(models.TextChoices):
    REISSUE = "reissue", _("Bill again")
    WAIVE = "waive", _("Waive")


class Invoice(models.Model):
    """One billing point's invoice, or a credit note, or an adjustment after the end.

    A draft has neither number, lines nor amounts of its own: they are computed on reading; estimate_* is what lists show, with
    its age.  Amounts are integer minor units of `currency`.  tax_amount is added to the lines, included_tax_amount lies in them
    already (tax-inclusive prices).  total = subtotal − usage_credit_amount + tax_amount + carried_forward_amount: what lies below
    zero is carried forward as a grant.  amount_due = total − invoice_credit_amount − amount_paid.  The copies are made at issue.
    point_at: the instant of the billing point, from which the grace counts; drafts are issued in order of (point_at, subscription).
    """

    public_id = PublicIdField(prefix="inv")
    kind = models.CharField(max_length=11, choices=InvoiceKind)
    status = models.CharField(max_length=6, choices=InvoiceStatus, default=InvoiceStatus.DRAFT)
    # No index of its own where a longer one begins with it: here, for the series, and for an invoice's lines and taxes; where few rows
    # have it, an index of those; where nobody asks for it and it is never deleted, none.
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="invoices", db_constraint=False)
    point = models.IntegerField()
    point_at = models.DateTimeField()
    revision = models.SmallIntegerField(default=0)
    corrects = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrections", db_index=False
    )
    currency = models.CharField(max_length=3)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    created_at = models.DateTimeField()

    memo = models.TextField(blank=True)
    purchase_order = models.CharField(max_length=100, blank=True)
    is_held = models.BooleanField(default=False)
    hold_reason = models.TextField(blank=True)
    estimate_total = models.BigIntegerField(null=True, blank=True)
    estimated_at = models.DateTimeField(null=True, blank=True)
    # The kinds of what was odd at the latest look at a draft (invoices.anomalies); NULL before the first one.
    odd = ArrayField(models.CharField(max_length=20), null=True, blank=True)

    series = models.ForeignKey(
        InvoiceSeries, on_delete=models.PROTECT, null=True, blank=True, db_index=False, db_constraint=False
    )
    series_number = models.BigIntegerField(null=True, blank=True)
    number = models.CharField(max_length=30, unique=True, null=True, blank=True)
    issued_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    seller_copy = models.JSONField(null=True, blank=True)
    customer_copy = models.JSONField(null=True, blank=True)
    snapshot = models.ForeignKey(
        LogSnapshot, on_delete=models.PROTECT, null=True, blank=True, db_index=False, db_constraint=False
    )
    subtotal = models.BigIntegerField(default=0)
    usage_credit_amount = models.BigIntegerField(default=0)
    tax_amount = models.BigIntegerField(default=0)
    included_tax_amount = models.BigIntegerField(default=0)
    carried_forward_amount = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    invoice_credit_amount = models.BigIntegerField(default=0)
    amount_paid = models.BigIntegerField(default=0)
    paid_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    void_outcome = models.CharField(max_length=7, choices=VoidOutcome, null=True, blank=True)

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        indexes = [
            models.Index(fields=["point_at", "subscription", "id"], name="invoice_drafts_in_order", condition=Q(status="draft")),
            # The few drafts that hold what comes after them, for every question for what is due next.
            models.Index(
                fields=["customer", "point_at", "subscription"],
                name="invoice_draft_holding",
                condition=Q(status="draft") & (Q(is_held=True) | Q(revision__gt=0)),
            ),
            models.Index(fields=["customer", "-period_end", "id"], name="invoice_of_customer"),
            models.Index(fields=["-created_at", "-id"], name="invoice_newest"),
            models.Index(fields=["corrects"], name="invoice_correcting", condition=Q(corrects__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "point", "revision"],
                condition=Q(kind__in=["opening", "regular", "final"]),
                name="invoice_point_once",
            ),
            models.UniqueConstraint(
                fields=["subscription", "period_start"], condition=Q(kind="adjustment"), name="invoice_adjustment_once"
            ),
            models.UniqueConstraint(fields=["corrects"], condition=Q(kind="credit_note"), name="invoice_credit_note_once"),
            models.UniqueConstraint(fields=["series", "series_number"], name="invoice_number_once"),
            models.CheckConstraint(condition=Q(kind__in=InvoiceKind.values), name="invoice_kind_known"),
            models.CheckConstraint(condition=Q(status__in=InvoiceStatus.values), name="invoice_status_known"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="invoice_currency_code"),
            models.CheckConstraint(condition=Q(period_end__gte=F("period_start")), name="invoice_period_ordered"),
            models.CheckConstraint(condition=Q(point__gte=0, revision__gte=0), name="invoice_point_not_negative"),
            models.CheckConstraint(
                condition=Q(
                    status="draft", number__isnull=True, series__isnull=True, series_number__isnull=True, issued_at__isnull=True
                )
                | (
                    ~Q(status="draft")
                    & Q(
                        number__isnull=False,
                        series__isnull=False,
                        series_number__isnull=False,
                        issued_at__isnull=False,
                        due_at__isnull=False,
                        seller_copy__isnull=False,
                        customer_copy__isnull=False,
                    )
                ),
                name="invoice_numbered_when_issued",
            ),
            models.CheckConstraint(
                condition=Q(total=F("subtotal") - F("usage_credit_amount") + F("tax_amount") + F("carried_forward_amount")),
                name="invoice_total_adds_up",
            ),
            models.CheckConstraint(condition=Q(kind="credit_note") | Q(total__gte=0), name="invoice_total_not_negative"),
            models.CheckConstraint(
                condition=Q(carried_forward_amount=0) | Q(carried_forward_amount__gt=0, total=0) | Q(kind="credit_note", total=0),
                name="invoice_carries_what_is_below_zero",
            ),
            models.CheckConstraint(
                condition=Q(kind="credit_note", corrects__isnull=False) | (~Q(kind="credit_note") & Q(corrects__isnull=True)),
                name="invoice_corrects_if_credit_note",
            ),
            models.CheckConstraint(
                condition=(Q(status="paid") & Q(paid_at__isnull=False)) | (~Q(status="paid")), name="invoice_paid_when_paid"
            ),
            models.CheckConstraint(
                condition=Q(status="void", voided_at__isnull=False, void_outcome__isnull=False)
                | (~Q(status="void") & Q(voided_at__isnull=True, void_outcome__isnull=True)),
                name="invoice_voided_when_void",
            ),
        ]
        triggers = [
            FROZEN,
            KEPT,
            never_emptied("invoice"),
            refers("invoice_refers", REFERRED),
            refers("invoice_refers_when_changed", REFERRED, operation=pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return self.number or self.public_id


class LineKind(models.TextChoices):
    FIXED_FEE = "fixed_fee", _("Fixed fee")
    USAGE = "usage", _("Usage")
    ADJUSTMENT = "adjustment", _("Adjustment")
    MINIMUM = "minimum", _("Minimum")
    ONE_TIME = "one_time", _("One-time")


class InvoiceLine(models.Model):
    """One line of an issued invoice, with all that its figure was computed from.

    quantity → free_quantity → credited_quantity → chargeable_quantity, in the meter's unit; unrounded_amount in minor units,
    exact; amount = unrounded_amount rounded half away from zero, then capped.  quantity is null for lines that count nothing and
    for max and last of nothing.  definition: the meter's definition; terms: the price terms; waterfall: the steps between.
    snapshot: which events were counted.  tax_inclusive: the tax lies in the amount; null on lines from before this was kept.
    adjusts: the line that an adjustment corrects; its own quantities and amount are what it adds to all that was billed before.
    """

    public_id = PublicIdField(prefix="lin")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines", db_index=False, db_constraint=False)
    position = models.IntegerField()
    kind = models.CharField(max_length=10, choices=LineKind)
    description = models.TextField()
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, null=True, blank=True, db_index=False, db_constraint=False)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    quantity = NumericField(null=True)
    event_count = models.BigIntegerField(null=True)
    free_quantity = NumericField(default=0)
    credited_quantity = NumericField(default=0)
    chargeable_quantity = NumericField(default=0)
    unit_price = models.DecimalField(max_digits=17, decimal_places=12, null=True)
    unrounded_amount = NumericField()
    amount = models.BigIntegerField()
    tax_rate = models.DecimalField(max_digits=7, decimal_places=6, default=0)
    tax_inclusive = models.BooleanField(null=True)
    definition = models.JSONField(null=True, encoder=ExactEncoder, decoder=ExactDecoder)
    terms = models.JSONField(null=True)
    waterfall = models.JSONField(default=dict)
    snapshot = models.ForeignKey(LogSnapshot, on_delete=models.PROTECT, null=True, db_index=False, db_constraint=False)
    adjusts = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="adjusted_by", db_index=False, db_constraint=False
    )

    class Meta:
        verbose_name = _("invoice line")
        indexes = [
            models.Index(fields=["adjusts"], name="invoice_line_adjusting", condition=Q(adjusts__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="invoice_line_position_unique"),
            models.CheckConstraint(condition=Q(kind__in=LineKind.values), name="invoice_line_kind_known"),
            models.CheckConstraint(condition=Q(period_end__gte=F("period_start")), name="invoice_line_period_ordered"),
            models.CheckConstraint(
                condition=~Q(kind="usage")
                | Q(meter__isnull=False, definition__isnull=False, terms__isnull=False, snapshot__isnull=False),
                name="invoice_line_usage_is_provable",
            ),
            models.CheckConstraint(
                condition=Q(kind="adjustment", adjusts__isnull=False) | (~Q(kind="adjustment")), name="invoice_line_adjusts_one"
            ),
        ]
        triggers = [
            *append_only("invoice_line"),
            refers(
                "invoice_line_refers",
                {"meter_id": "meters_meter", "snapshot_id": "events_logsnapshot", "adjusts_id": "invoices_invoiceline"},
                at_commit=OF_INVOICE,
            ),
        ]

    def __str__(self) -> str:
        return self.description


class InvoiceTax(models.Model):
    """Tax of one rate on one invoice, in minor units, rounded once; is_inclusive: it lies in the lines' amounts already."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="taxes", db_index=False, db_constraint=False)
    rate = models.DecimalField(max_digits=7, decimal_places=6)
    is_inclusive = models.BooleanField(default=False)
    taxable_amount = models.BigIntegerField()
    amount = models.BigIntegerField()

    class Meta:
        verbose_name = _("invoice tax")
        verbose_name_plural = _("invoice taxes")
        constraints = [models.UniqueConstraint(fields=["invoice", "rate", "is_inclusive"], name="invoice_tax_rate_once")]
        triggers = [*append_only("invoice_tax"), refers("invoice_tax_refers", {}, at_commit=OF_INVOICE)]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.rate}"


class InvoiceCredit(models.Model):
    """What one invoice drew from one grant period: units for a line, or money of the invoice.

    amount: units of the line's meter, or minor units.  The ledger entry that took it has the cause draw:<public_id>.
    """

    public_id = PublicIdField(prefix="drw")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credits", db_constraint=False)
    line = models.ForeignKey(
        InvoiceLine, on_delete=models.PROTECT, null=True, related_name="credits", db_index=False, db_constraint=False
    )
    period = models.ForeignKey(GrantPeriod, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    applies_to = models.CharField(max_length=7, choices=AppliesTo)
    amount = models.DecimalField(max_digits=48, decimal_places=18)

    class Meta:
        verbose_name = _("invoice credit")
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="invoice_credit_positive")]
        triggers = [
            *append_only("invoice_credit"),
            refers(
                "invoice_credit_refers",
                {"period_id": "credits_grantperiod", "line_id": "invoices_invoiceline"},
                at_commit=OF_INVOICE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.amount}"


class InvoiceEvent(models.Model):
    """One change of an invoice's state: who, when, why."""

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="events", db_constraint=False)
    from_status = models.CharField(max_length=6, choices=InvoiceStatus, null=True)
    to_status = models.CharField(max_length=6, choices=InvoiceStatus)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=60)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("invoice event")
        triggers = [*append_only("invoice_event"), refers("invoice_event_refers", {}, at_commit=OF_INVOICE)]

    def __str__(self) -> str:
        return f"{self.invoice_id} → {self.to_status}"
