"""Read invoices with what is still to pay."""

from django.db.models import F, QuerySet

from invoices.models import Invoice


def listed() -> QuerySet[Invoice]:
    """Read invoices as lists show them: with their customer and `due`, what is still to pay in minor units."""
    due = F("total") - F("invoice_credit_amount") - F("amount_paid")
    return Invoice.objects.select_related("customer").annotate(due=due)
