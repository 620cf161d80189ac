"""What verifying came to, each time."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.history import append_only


class Verification(models.Model):
    """One recomputation of an issued invoice from raw events: does it still hold, and what came since (semantics 17)."""

    invoice = models.ForeignKey("Invoice", on_delete=models.PROTECT, related_name="verifications")
    verified_at = models.DateTimeField()
    holds = models.BooleanField()
    findings = models.JSONField(default=list)
    since_then = models.JSONField(default=list)

    class Meta:
        verbose_name = _("verification")
        indexes = [
            models.Index(fields=["invoice", "-verified_at"], name="verification_newest"),
            # The few that do not hold, for the overview and the page of verifications.
            models.Index(fields=["-id"], name="verification_failing", condition=Q(holds=False)),
        ]
        triggers = append_only("verification")

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.holds}"
