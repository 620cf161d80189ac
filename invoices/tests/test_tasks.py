"""What beat starts."""

import pytest
import time_machine

from invoices import tasks
from invoices.models import Invoice
from invoices.tests.story import begin
from invoices.verification_models import Verification
from products.tests import making

pytestmark = pytest.mark.django_db


def test_beat_bills_estimates_and_proves_by_the_clock():
    begin(making.customer(), making.product(fee=100), "2026-01-01")

    with time_machine.travel("2026-02-01T00:30Z", tick=False):
        tasks.bill()
        tasks.estimate()
        tasks.verify_recent()

    opening, draft = Invoice.objects.order_by("point")
    assert (opening.status, draft.status, draft.estimate_total) == ("issued", "draft", 100)
    assert Verification.objects.get().invoice == opening
