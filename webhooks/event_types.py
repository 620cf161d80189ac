"""Name what can happen that an endpoint may want to be told. The words are the contract's where it has one."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class EventType(models.TextChoices):
    INVOICE_ISSUED = "invoice.issued", _("Invoice issued")
    INVOICE_VOIDED = "invoice.voided", _("Invoice voided")
    INVOICE_PAID = "invoice.paid", _("Invoice paid")
    INVOICE_UNPAID = "invoice.unpaid", _("Payment taken back")
    INVOICE_ADJUSTED = "invoice.adjusted", _("Adjustment made")
    CREDIT_LOW = "credit.balance_low", _("Credit low")
    CREDIT_EXPIRED = "credit.expired", _("Credit expired")
    CREDIT_EXPIRY_REVERSED = "credit.expiry_reversed", _("Expiry of credit taken back")


TEST = "webhook.test"
"""Sent when somebody tries an endpoint out; no filter holds it back."""
