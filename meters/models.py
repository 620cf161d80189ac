"""What is counted, and what has been counted so far."""

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.exact_json import ExactDecoder, ExactEncoder
from core.fields import NumericField, PublicIdField, Xid8Field
from core.history import never_deleted, tracked
from core.models import BillingDay
from customers.models import Customer


class AggregationType(models.TextChoices):
    COUNT = "count", _("Count")
    SUM = "sum", _("Sum")
    MAX = "max", _("Maximum")
    LAST = "last", _("Last")


# Once a meter has counted something its definition stands: lines and rollups were computed from it.
DEFINITION_STANDS = pgtrigger.Trigger(
    name="meter_definition_stands",
    operation=pgtrigger.Update,
    when=pgtrigger.Before,
    condition=pgtrigger.AnyChange("event_name", "aggregation", "over_property", "filter"),
    func="""
        IF EXISTS (SELECT FROM meters_meterquarter WHERE meter_id = OLD.id) THEN
            RAISE EXCEPTION 'meter % has counted events: its definition stands', OLD.public_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'meter_definition_stands';
        END IF;
        RETURN NEW;
    """,
)


@tracked("MeterHistory")
class Meter(models.Model):
    """Which events become which quantity.

    event_name: compared exactly.  over_property: the metadata key that sum, max and last read; null for count.
    filter: the tree of meters/filters.py as JSON, or null.  When it counts stands in MeterActivity.
    """

    public_id = PublicIdField(prefix="mtr")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    event_name = models.CharField(max_length=500, db_collation="C")
    aggregation = models.CharField(max_length=5, choices=AggregationType)
    over_property = models.CharField(max_length=100, null=True, blank=True, db_collation="C")
    measurement_unit = models.CharField(max_length=100)
    filter = models.JSONField(null=True, blank=True, encoder=ExactEncoder, decoder=ExactDecoder)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        indexes = [models.Index(fields=["event_name"], name="meter_by_event_name")]
        constraints = [
            models.CheckConstraint(condition=models.Q(aggregation__in=AggregationType.values), name="meter_aggregation_known"),
            models.CheckConstraint(
                condition=models.Q(aggregation="count", over_property__isnull=True)
                | (~models.Q(aggregation="count") & models.Q(over_property__isnull=False)),
                name="meter_property_for_all_but_count",
            ),
        ]
        triggers = [*never_deleted("meter"), DEFINITION_STANDS]

    def __str__(self) -> str:
        return self.name


class MeterActivity(models.Model):
    """An interval of event timestamps in which a meter counts, half-open; the last one has no end while it is active."""

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="activity")
    during = DateTimeRangeField()

    class Meta:
        verbose_name = _("meter activity")
        verbose_name_plural = _("meter activity")
        constraints = [
            ExclusionConstraint(
                name="meter_activity_disjoint",
                expressions=[("meter", RangeOperators.EQUAL), ("during", RangeOperators.OVERLAPS)],
            ),
            models.CheckConstraint(condition=models.Q(during__isempty=False), name="meter_activity_not_empty"),
        ]
        triggers = never_deleted("meter_activity")

    def __str__(self) -> str:
        return str(self.during)


class Rollup(models.Model):
    """What one meter counted in one bucket, with the greatest log position merged or voided into it (semantics 20).

    quantity_sum and quantity_max are null until an event with the property came.  The latest is by (timestamp, arrival).
    """

    event_count = models.BigIntegerField()
    quantity_sum = NumericField(null=True)
    quantity_max = NumericField(null=True)
    latest_quantity = NumericField(null=True)
    latest_at = models.DateTimeField(null=True)
    latest_arrival = models.BigIntegerField(null=True)
    log_epoch = models.IntegerField()
    log_xid = Xid8Field()
    log_arrival = models.BigIntegerField()

    class Meta:
        abstract = True


class UsageDay(Rollup):
    """One meter's usage by one customer in one day of the billing zone.

    No database foreign keys: they cost the roller a sixth of its rate. Meters and customers are never deleted; days only together with
    all usage.
    """

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    day = models.ForeignKey(BillingDay, on_delete=models.PROTECT, db_column="day", db_constraint=False, db_index=False)

    class Meta:
        verbose_name = _("usage day")
        indexes = [models.Index(fields=["meter", "day"], name="usage_day_by_day")]
        constraints = [models.UniqueConstraint(fields=["meter", "customer", "day"], name="usage_day_unique")]

    def __str__(self) -> str:
        return f"{self.meter_id}/{self.customer_id}/{self.day_id}"


class MeterQuarter(Rollup):
    """One meter's usage by all customers in one UTC quarter of an hour; every zone's windows are made of these."""

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, db_index=False)
    starts_at = models.DateTimeField()

    class Meta:
        verbose_name = _("meter quarter hour")
        constraints = [models.UniqueConstraint(fields=["meter", "starts_at"], name="meter_quarter_unique")]

    def __str__(self) -> str:
        return f"{self.meter_id}/{self.starts_at:%Y-%m-%dT%H:%M}"


class MeterBlock(models.Model):
    """Whether a meter's days from first_day to before end_day are added up as they stand; see Note [Blocks of days] in meters/blocks.py.

    Who changes a day says here that they no longer are, in the same transaction.
    """

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    first_day = models.DateField()
    end_day = models.DateField()
    is_added_up = models.BooleanField(default=False)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("meter block")
        indexes = [models.Index(fields=["end_day"], name="meter_block_to_add_up", condition=models.Q(is_added_up=False))]
        constraints = [models.UniqueConstraint(fields=["meter", "first_day", "end_day"], name="meter_block_unique")]

    def __str__(self) -> str:
        return f"{self.meter_id}/{self.first_day}/{self.end_day}"


class UsageBlock(models.Model):
    """One customer's days of a meter's block added up; of use only while the block says that they are.

    latest_day: the latest of the days that holds an event; that day's row has the latest quantity.
    """

    block = models.ForeignKey(MeterBlock, on_delete=models.CASCADE, db_constraint=False, db_index=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    event_count = models.BigIntegerField()
    quantity_sum = NumericField(null=True)
    quantity_max = NumericField(null=True)
    latest_at = models.DateTimeField()
    latest_day = models.DateField()

    class Meta:
        verbose_name = _("usage block")
        constraints = [models.UniqueConstraint(fields=["block", "customer"], name="usage_block_unique")]

    def __str__(self) -> str:
        return f"{self.block_id}/{self.customer_id}"


class RollPosition(models.Model):
    """How far the log is rolled up: for all meters that have caught up ('live', no meter), or for one of its own.

    A meter without a row follows 'live'.  failed_at: its roll failed with `failure`; it waits for a person, the others go on.
    """

    meter = models.OneToOneField(Meter, on_delete=models.PROTECT, null=True, blank=True, related_name="own_position")
    log_epoch = models.IntegerField(default=0)
    log_xid = Xid8Field(default=0)
    log_arrival = models.BigIntegerField(default=0)
    rolled_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.TextField(blank=True)

    class Meta:
        verbose_name = _("roll position")
        constraints = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(meter__isnull=True),
                name="roll_position_one_live",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.meter_id or 'live'} at {self.log_epoch}/{self.log_xid}/{self.log_arrival}"
