"""Hold what is true of the whole deployment: its identity, its billing zone, its days."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.fields import PublicIdField


class Deployment(models.Model):
    """The one row that says which deployment this database is.

    log_epoch rises by one after each restore into another cluster, because transaction ids start again there (semantics 19).
    former_zones: [{"name", "until"}], the billing zones before this one, oldest first: cycles that began in one end by it.
    """

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    business_id = PublicIdField(prefix="bus")
    brand_id = PublicIdField(prefix="brd")
    billing_time_zone = models.CharField(max_length=64, editable=False)
    former_zones = models.JSONField(default=list, db_default=[], editable=False)
    system_identifier = models.CharField(max_length=32, editable=False)
    log_epoch = models.IntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("deployment")
        verbose_name_plural = _("deployment")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="deployment_is_one_row")]

    def __str__(self) -> str:
        return self.business_id


class BillingDay(models.Model):
    """One calendar day of the billing zone as instants, half-open; SQL joins this table and never says AT TIME ZONE."""

    date = models.DateField(primary_key=True)
    starts_at = models.DateTimeField(unique=True)
    ends_at = models.DateTimeField(unique=True)

    class Meta:
        verbose_name = _("billing day")
        constraints = [
            models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("starts_at")), name="billing_day_has_length"),
        ]

    def __str__(self) -> str:
        return self.date.isoformat()
