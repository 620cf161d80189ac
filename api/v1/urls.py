"""Map the addresses of the API; none ends in a slash, for a redirected POST would lose its body."""

from urllib.parse import unquote

from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from api.v1 import (
    bulk_voids,
    credit_usage,
    customers,
    entitlement_balances,
    entitlement_entries,
    entitlement_grants,
    entitlements,
    event_delivery,
    event_voids,
    events,
    explain,
    grants,
    ingest,
    invoice_exports,
    invoice_looks,
    invoices,
    line_events,
    meters,
    plans,
    products,
    schema,
    simulations,
    subscriptions,
    usage,
    usage_history,
    wallets,
    webhooks,
    zero,
)
from api.v1.resource import Unknown


class Segment(StringConverter):
    """One segment of the raw path, decoded after the split; an undecodable one matches nothing."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        text = unquote(value, errors="strict")
        if "\x00" in text:
            raise ValueError(value)
        return text

    def to_url(self, value: str) -> str:
        return value


register_converter(Segment, "segment")

app_name = "api"
urlpatterns = [
    path("openapi.json", schema.Schema.as_view(), name="schema"),
    path("docs", schema.Docs.as_view(), name="docs"),
    path("customers", customers.Customers.as_view()),
    path("customers/<segment:customer_id>", customers.CustomerById.as_view()),
    path("customers/<segment:customer_id>/credit-grants", grants.CustomerGrants.as_view()),
    path("customers/<segment:customer_id>/credit-entitlements", entitlements.CustomerCreditEntitlements.as_view()),
    path("customers/<segment:customer_id>/wallets", wallets.CustomerWallets.as_view()),
    path("customers/<segment:customer_id>/wallets/ledger-entries", wallets.WalletEntries.as_view()),
    path("credit-entitlements", entitlements.CreditEntitlements.as_view()),
    path("credit-entitlements/<segment:id>", entitlements.CreditEntitlementById.as_view()),
    path("credit-entitlements/<segment:id>/balances", entitlement_balances.EntitlementBalances.as_view()),
    path("credit-entitlements/<segment:id>/balances/<segment:customer_id>", entitlement_balances.EntitlementBalance.as_view()),
    path(
        "credit-entitlements/<segment:id>/balances/<segment:customer_id>/ledger",
        entitlement_balances.EntitlementLedger.as_view(),
    ),
    path(
        "credit-entitlements/<segment:id>/balances/<segment:customer_id>/grants", entitlement_grants.EntitlementGrants.as_view()
    ),
    path(
        "credit-entitlements/<segment:id>/balances/<segment:customer_id>/ledger-entries",
        entitlement_entries.EntitlementEntries.as_view(),
    ),
    path("credit-grants/<segment:id>", grants.GrantById.as_view()),
    path("credit-grants/<segment:id>/top-up", grants.GrantTopUp.as_view()),
    path("credit-grants/<segment:id>/void", grants.GrantVoid.as_view()),
    path("event-delivery", event_delivery.EventDelivery.as_view()),
    path("events", events.Events.as_view()),
    path("events/ingest", ingest.IngestView.as_view()),
    path("events/<segment:event_id>", events.EventById.as_view()),
    path("events/<segment:event_id>/explain", explain.EventExplain.as_view()),
    path("event-voids", bulk_voids.BulkVoids.as_view()),
    path("event-voids/<segment:job_id>", bulk_voids.BulkVoidById.as_view()),
    path("event-voids/<segment:job_id>/cancel", bulk_voids.BulkVoidCancel.as_view()),
    path("events/<segment:event_id>/void", event_voids.EventVoids.as_view()),
    path("invoices", invoices.Invoices.as_view()),
    path("invoices/export", invoice_exports.InvoiceExport.as_view()),
    path("invoices/exports", invoice_exports.InvoiceExports.as_view()),
    path("invoices/exports/<segment:job_id>", invoice_exports.InvoiceExportById.as_view()),
    path("invoices/exports/<segment:job_id>/cancel", invoice_exports.InvoiceExportCancel.as_view()),
    path("invoices/exports/<segment:job_id>/file", invoice_exports.InvoiceExportFile.as_view()),
    path("invoices/payments/<segment:id>", invoices.PaymentPdf.as_view()),
    path("invoices/<segment:id>/pdf", invoices.InvoicePdf.as_view()),
    path("invoices/<segment:id>", invoices.InvoiceById.as_view()),
    path("invoices/<segment:id>/issue", invoices.InvoiceIssue.as_view()),
    path("invoices/<segment:id>/pay", invoices.InvoicePay.as_view()),
    path("invoices/<segment:id>/remarks", invoice_looks.InvoiceRemarks.as_view()),
    path("invoices/<segment:id>/void", invoices.InvoiceVoid.as_view()),
    path("invoices/<segment:id>/void/preview", invoice_looks.InvoiceVoidPreview.as_view()),
    path("invoices/<segment:id>/verify", invoices.InvoiceVerify.as_view()),
    path("invoices/<segment:id>/lines/<segment:line_id>/events", line_events.InvoiceLineEvents.as_view()),
    path("meters", meters.Meters.as_view()),
    path("meters/<segment:id>", meters.MeterById.as_view()),
    path("meters/<segment:id>/unarchive", meters.MeterUnarchive.as_view()),
    path("meters/<segment:id>/explain", zero.MeterExplain.as_view()),
    path("meters/<segment:id>/usage", usage.MeterUsage.as_view()),
    path("products", products.Products.as_view()),
    path("products/<segment:id>", products.ProductById.as_view()),
    path("products/<segment:id>/unarchive", products.ProductUnarchive.as_view()),
    path("products/<segment:id>/simulate", simulations.Simulations.as_view()),
    path("products/<segment:id>/simulations/<segment:job_id>", simulations.SimulationById.as_view()),
    path("subscriptions", subscriptions.Subscriptions.as_view()),
    path("subscriptions/<segment:subscription_id>", subscriptions.SubscriptionById.as_view()),
    path("subscriptions/<segment:subscription_id>/change-plan", plans.PlanChanges.as_view()),
    path("subscriptions/<segment:subscription_id>/change-plan/preview", plans.PlanPreviews.as_view()),
    path("subscriptions/<segment:subscription_id>/change-plan/scheduled", plans.ScheduledChange.as_view()),
    path("subscriptions/<segment:subscription_id>/credit-usage", credit_usage.SubscriptionCreditUsage.as_view()),
    path("subscriptions/<segment:subscription_id>/usage-history", usage_history.UsageHistory.as_view()),
    path("webhooks", webhooks.Webhooks.as_view()),
    path("webhooks/<segment:webhook_id>", webhooks.WebhookById.as_view()),
    path("webhooks/<segment:webhook_id>/secret", webhooks.WebhookSecret.as_view()),
    path("webhooks/<segment:webhook_id>/headers", webhooks.WebhookHeaders.as_view()),
    path("webhooks/<segment:webhook_id>/test", webhooks.WebhookTest.as_view()),
    path("webhooks/<segment:webhook_id>/deliveries", webhooks.WebhookDeliveries.as_view()),
    path("webhooks/<segment:webhook_id>/deliveries/<segment:message_id>/resend", webhooks.WebhookResend.as_view()),
    re_path(r"", Unknown.as_view()),
]
