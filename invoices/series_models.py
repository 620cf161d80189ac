"""The numbers of invoices and credit notes."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.history import never_deleted


class InvoiceSeries(models.Model):
    """The numbers of one series in one year of the billing zone, without gaps; its row is the lock of all issuing (semantics 7)."""

    series = models.CharField(max_length=3)
    year = models.SmallIntegerField()
    latest_number = models.BigIntegerField(default=0)
    latest_issued_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("invoice series")
        verbose_name_plural = _("invoice series")
        constraints = [
            models.UniqueConstraint(fields=["series", "year"], name="invoice_series_year_unique"),
            models.CheckConstraint(condition=Q(series__in=["INV", "CN"]), name="invoice_series_known"),
        ]
        triggers = never_deleted("invoice_series")

    def __str__(self) -> str:
        return f"{self.series}-{self.year}"
