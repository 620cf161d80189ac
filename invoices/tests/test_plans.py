"""Statements of billing runs that must find what they need by key, whatever the planner believes of tables that grew meanwhile."""

import pytest
from django.db import connection

from invoices import late
from invoices.tests.story import begin, bill, late_event, use
from products.tests import making
from products.tests.making import per_unit
from tests.plans import plan

pytestmark = pytest.mark.django_db(transaction=True)  # snapshots tell committed events only


def test_late_usage_is_looked_up_by_customer_and_invoice_in_tables_that_filled_since_they_were_analysed():
    calls, customers = making.meter("call"), [making.customer(name) for name in "abc"]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for one in customers:
        begin(one, making.product(per_unit(calls, "100")), "2026-01-01")
        use(one, "call", "2026-01-20")
    bill("2026-02-01T01:00")
    late_event(customers[0], "call", "2026-01-21", "2026-02-02")

    found = plan(lambda: late.found([one.id for one in customers]))

    steps = [line.split(" using ")[1].split()[0] for line in found.splitlines() if " using " in line]
    assert {"invoice_of_customer", "invoice_line_position_unique"} <= set(steps)
