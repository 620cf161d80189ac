import pytest
from django.test import Client
from django.urls import reverse

from dashboard.tests import world
from tests import factories


@pytest.fixture
def owner(db: None) -> Client:
    return world.signed_in()


def test_choices_follow_what_is_typed_and_name_each_customer_alone(owner: Client) -> None:
    one, other = factories.customer("Papaya Maps"), factories.customer("papaya maps")
    factories.customer("Papaya & Sons")

    shown = owner.get(reverse("dashboard:customer_choices"), {"parameter": "customer_id", "customer_id": "PAPAYA"})
    text = shown.content.decode()

    assert '<option value="Papaya &amp; Sons">' in text
    assert f'<option value="{one.public_id}">Papaya Maps · {one.email}' in text
    assert f'<option value="{other.public_id}">papaya maps' in text


def test_any_customer_is_found_by_typing_without_a_script(owner: Client) -> None:
    meter = factories.meter()
    quill = factories.customer("Quill", external_id="q-1", email="ink@quill.example")
    factories.customer("Quince")
    overview = reverse("dashboard:meter", args=[meter.public_id])

    for typed in ("quill", "q-1", "INK@quill.example", quill.public_id):
        shown = owner.get(overview, {"customer_id": typed})
        assert shown.context["customer"] == quill, typed
        assert 'value="Quill"' in owner.get(overview, {"customer_id": quill.public_id}).content.decode()
    several = owner.get(overview, {"customer_id": "qui"})
    assert "Several customers are called so." in several.content.decode()
    assert "total" not in several.context  # nothing rather than the figures of all
