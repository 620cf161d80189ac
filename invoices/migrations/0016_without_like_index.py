"""Drop an index for LIKE on numbers of invoices, which no search uses: each looks into names as well, or ignores the case."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("invoices", "0015_references_at_once")]
    operations = [
        migrations.RunSQL(
            "DROP INDEX IF EXISTS invoices_invoice_number_a7116fce_like",
            "CREATE INDEX invoices_invoice_number_a7116fce_like ON invoices_invoice (number varchar_pattern_ops)",
        ),
    ]
