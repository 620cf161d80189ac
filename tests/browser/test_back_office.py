"""Chromium works through the back office, and its console has nothing to complain of: the policy there is enough."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from access.models import User
from invoices.models import Invoice
from tests import rows
from tests.browser.chromium import chromium, complaints_of


@pytest.mark.django_db(transaction=True)
def test_chromium_blocks_nothing_in_the_back_office(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Playwright runs an event loop on this thread, in which Django would refuse to ask the database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    user = User.objects.create_user("the-owner")
    user.groups.add(Group.objects.get(name="owner"))
    for _ in range(2):
        rows.of_every_table()
    signed_in = Client()
    signed_in.force_login(user)
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": signed_in.cookies[settings.SESSION_COOKIE_NAME].value,
        "url": live_server.url,
    }
    invoice = Invoice.objects.filter(status="issued").first()
    assert invoice
    pages = [
        reverse("admin:index"),
        reverse("admin:customers_customer_changelist"),
        reverse("admin:events_event_changelist"),
        reverse("admin:customers_customer_add"),
        reverse("admin:access_user_add"),
        reverse("admin:invoices_invoice_change", args=[invoice.pk]),
    ]

    with chromium() as browser:
        context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
        context.add_cookies([cookie])
        page = context.new_page()
        complaints = complaints_of(page)
        for address in pages:
            page.goto(address, wait_until="networkidle")
        # The filters are a sheet that Alpine opens, with a search that select2 builds.
        page.goto(reverse("admin:invoices_invoice_changelist"))
        page.get_by_text("Filters").first.click()
        page.locator("select[name=customer__id__exact] + .select2 .select2-selection").click()
        page.locator(".select2-results").get_by_text(re.compile(r"Customer \d")).first.wait_for(timeout=10_000)

    assert complaints == []
