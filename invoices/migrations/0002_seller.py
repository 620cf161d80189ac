from django.db import migrations


def create_seller(apps, schema_editor):
    """Write the one row that says who issues the invoices; an operator fills it in."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO invoices_seller
                (id, name, email, tax_id, default_tax_rate, payment_terms_days, invoice_footer, street, city, state, zipcode, country)
            VALUES (1, 'Your company', '', '', 0, 14, '', '', '', '', '', '')
            ON CONFLICT (id) DO NOTHING
            """
        )


class Migration(migrations.Migration):
    dependencies = [("invoices", "0001_initial")]
    operations = [migrations.RunPython(create_seller, migrations.RunPython.noop)]
