"""What people wrote on drafts, and in place of what."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.history import append_only


class Remark(models.TextChoices):
    MEMO = "memo", _("Memo")
    PURCHASE_ORDER = "purchase_order", _("Purchase order")


class RemarkChange(models.Model):
    """One text on a draft that took the place of another: who, when, from what to what."""

    invoice = models.ForeignKey("Invoice", on_delete=models.PROTECT, related_name="remark_changes")
    remark = models.CharField(max_length=14, choices=Remark)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.CharField(max_length=60)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("change of a remark")
        verbose_name_plural = _("changes of remarks")
        constraints = [models.CheckConstraint(condition=Q(remark__in=Remark.values), name="remark_change_known")]
        triggers = append_only("remark_change")

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.remark}"
