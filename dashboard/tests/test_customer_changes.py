"""Creating, changing and archiving customers in the dashboard."""

import re
from contextlib import suppress
from decimal import Decimal

import pytest
from django.urls import reverse

from customers.models import Customer, CustomerHistory
from dashboard.tests import world
from events.ingest import RequestRefused, ingest
from events.tests.sending import body
from events.tests.sending import event as event_sent

pytestmark = pytest.mark.django_db
ACME = {
    "name": "Acme Robotics", "email": "bills@acme.example", "external_id": "acme", "street": "1 Road", "zipcode": "1011", "city": "Delft",
    "country": "NL", "tax_id": "NL1", "tax_rate": "17.5", "payment_terms_days": "30",
}  # fmt: skip


def filled_in(page):
    """Read what a browser would send of the page's form."""
    names = re.findall(r'<input type="[a-z]+" name="([a-z_-]+)" value="([^"]*)"', page.content.decode())
    chosen = re.search(r'<option value="([A-Z]*)" selected', page.content.decode())
    return dict(names) | {"country": chosen[1]}


def create(client, **changed):
    return client.post(reverse("dashboard:customer_new"), ACME | changed, follow=True)


def test_a_customer_is_created_with_a_tax_rate_in_percent():
    page = create(world.signed_in("operator")).content.decode()

    made = Customer.objects.get()
    assert (made.name, made.external_id, made.country, made.tax_rate, made.payment_terms_days) == (
        "Acme Robotics", "acme", "NL", Decimal("0.175"), 30,
    )  # fmt: skip
    assert "Netherlands" in page
    assert "17.5%" in page


def test_what_is_left_empty_is_none():
    create(world.signed_in(), external_id="", tax_rate="", payment_terms_days="", country="")

    made = Customer.objects.get()
    assert (made.external_id, made.tax_rate, made.payment_terms_days, made.country) == (None, None, None, "")


@pytest.mark.parametrize(
    ("changed", "field", "sentence"),
    [
        ({"name": "  "}, "name", "This field is required."),
        ({"email": "acme"}, "email", "Enter a valid email address."),
        ({"external_id": "taken"}, "external_id", "already has this external_id"),
        ({"external_id": "cus_1"}, "external_id", "must not begin with cus_"),
        ({"country": "Narnia"}, "country", "Select a valid choice."),
        ({"tax_rate": "101"}, "tax_rate", "less than or equal to 100"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(changed, field, sentence):
    Customer.objects.create(
        name="Other", email="o@o.example", external_id="taken", created_at=world.START, updated_at=world.START
    )

    response = create(world.signed_in(), **changed)

    assert any(sentence in text for text in response.context["form"].errors[field])
    assert f'id="id_{field}_error"' in response.content.decode()
    assert Customer.objects.count() == 1


def test_a_change_writes_what_changed_and_keeps_who():
    operator = world.signed_in("operator")
    create(operator)
    made = Customer.objects.get()
    Customer.objects.filter(pk=made.pk).update(preferred_locale="nl", metadata={"crm": "7"})

    address = reverse("dashboard:customer_edit", args=[made.public_id])
    shown = operator.get(address).context["form"].initial
    operator.post(address, ACME | {"name": "Acme B.V.", "tax_rate": "0"})

    made.refresh_from_db()
    assert (shown["tax_rate"], shown["country"]) == ("17.5", "NL")
    assert (made.name, made.tax_rate, made.preferred_locale, made.metadata) == ("Acme B.V.", 0, "nl", {"crm": "7"})
    assert CustomerHistory.objects.filter(name="Acme B.V.").exists()


def test_a_form_that_was_opened_before_somebody_else_saved_changes_only_what_was_changed_in_it():
    operator = world.signed_in("operator")
    create(operator)
    made = Customer.objects.get()
    address = reverse("dashboard:customer_edit", args=[made.public_id])
    opened = filled_in(operator.get(address))
    Customer.objects.filter(pk=made.pk).update(city="Leiden", tax_rate=Decimal("0.2"))

    page = operator.post(address, opened | {"name": "Acme B.V.", "payment_terms_days": ""})

    made.refresh_from_db()
    assert page.status_code == 302
    assert (made.name, made.payment_terms_days, made.city, made.tax_rate) == ("Acme B.V.", None, "Leiden", Decimal("0.2"))


def test_creating_leads_to_the_events_that_were_refused_for_want_of_the_customer():
    operator = world.signed_in("operator")
    with suppress(RequestRefused):
        ingest(body=body(event_sent("early", "acme")), key_id=world.any_key().pk, received_at=world.NOW)

    refused = operator.get(reverse("dashboard:refused_events"), {"code": "CUSTOMER_NOT_FOUND"}).content.decode()
    page = create(operator)

    assert f"{reverse('dashboard:customer_new')}?external_id=acme" in refused
    assert page.redirect_chain[-1][0] == reverse("dashboard:refused_events") + "?code=CUSTOMER_NOT_FOUND&customer=acme"
    assert "can be replayed now" in page.content.decode()
    assert "Create this customer" not in page.content.decode()


def test_an_archived_customer_comes_back():
    operator, made = world.signed_in("operator"), world.customer()

    operator.post(reverse("dashboard:customer_archive", args=[made.public_id]))
    archived = Customer.objects.get().archived_at
    page = operator.post(reverse("dashboard:customer_unarchive", args=[made.public_id]), follow=True).content.decode()

    assert archived is not None
    assert Customer.objects.get().archived_at is None
    assert "events are accepted again" in page


def test_a_viewer_is_offered_no_change_of_customers():
    viewer, made = world.signed_in("viewer"), world.customer()

    pages = [viewer.get(reverse("dashboard:customers")), viewer.get(reverse("dashboard:customer", args=[made.public_id]))]

    for page in pages:
        assert reverse("dashboard:customer_new") not in page.content.decode()
        assert "/edit" not in page.content.decode()
