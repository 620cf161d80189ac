"""What came late: usage of closed cycles that changed, and what people decided about it."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from core.fields import Xid8Field
from core.history import append_only, never_deleted
from customers.models import Customer
from events.models import LogSnapshot
from meters.models import Meter
from products.models import Subscription


class LateState(models.TextChoices):
    OPEN = "open", _("Open")
    APPROVED = "approved", _("Approved")
    SETTLED = "settled", _("Settled")


class LateUsage(models.Model):
    """One meter's usage of one closed cycle that changed after it was billed; one row, however often it changes.

    (log_epoch, log_xid): the greatest position of a change that was found.  open: to be looked at by the subscription's next
    invoice, or by a person where late usage is held; approved: by a person; settled: everything that snapshot saw is billed,
    waived, or made no difference.
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="late_usage")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT)
    point = models.IntegerField()
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    state = models.CharField(max_length=8, choices=LateState, default=LateState.OPEN)
    found_at = models.DateTimeField()
    log_epoch = models.IntegerField()
    log_xid = Xid8Field()
    snapshot = models.ForeignKey(LogSnapshot, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        verbose_name = _("late usage")
        verbose_name_plural = _("late usage")
        indexes = [
            models.Index(fields=["subscription"], name="late_usage_to_bill", condition=~Q(state="settled")),
            models.Index(fields=["-found_at", "-id"], name="late_usage_newest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "point", "meter", "period_start"], name="late_usage_once"),
            models.CheckConstraint(condition=Q(state__in=LateState.values), name="late_usage_state_known"),
            models.CheckConstraint(condition=Q(period_end__gt=F("period_start")), name="late_usage_period_ordered"),
        ]
        triggers = never_deleted("late_usage")

    def __str__(self) -> str:
        return f"{self.subscription_id}/{self.point}/{self.meter_id}"


class LateVerdict(models.TextChoices):
    APPROVED = "approved", _("Approved")
    WAIVED = "waived", _("Waived")


class LateDecision(models.Model):
    """What a person decided about late usage.

    A waiver takes the difference that there was as billed, for ever: amount of the charge, minimum_amount of what fills it up, in
    minor units, and in figures the quantities, as snapshot counted them.
    """

    late = models.ForeignKey(LateUsage, on_delete=models.PROTECT, related_name="decisions")
    verdict = models.CharField(max_length=8, choices=LateVerdict)
    amount = models.BigIntegerField(default=0)
    minimum_amount = models.BigIntegerField(default=0)
    figures = models.JSONField(default=dict)
    snapshot = models.ForeignKey(LogSnapshot, on_delete=models.PROTECT, null=True, blank=True)
    reason = models.TextField(blank=True)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=60)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("decision on late usage")
        verbose_name_plural = _("decisions on late usage")
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict="waived", snapshot__isnull=False) | Q(verdict="approved", amount=0, minimum_amount=0),
                name="late_decision_known",
            ),
        ]
        triggers = append_only("late_decision")

    def __str__(self) -> str:
        return f"{self.late_id} {self.verdict}"


class LateScan(models.Model):
    """The one row that says up to where the rollups were searched for late usage; its lock is that of all late usage."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    log_epoch = models.IntegerField(default=0)
    log_xid = Xid8Field(default=0)
    searched_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("search for late usage")
        verbose_name_plural = _("search for late usage")
        constraints = [models.CheckConstraint(condition=Q(id=1), name="late_scan_is_one_row")]

    def __str__(self) -> str:
        return f"{self.log_epoch}/{self.log_xid}"
