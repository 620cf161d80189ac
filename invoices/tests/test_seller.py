"""The seller changes for invoices to come, and history says by whom."""

import pytest
from django.apps import apps

from access.actors import Actor
from invoices import seller
from invoices.models import Seller


@pytest.mark.django_db
def test_what_is_named_changes_and_nothing_else() -> None:
    before = Seller.objects.get()

    seller.change(fields={"name": "Acme Ltd", "country": "IE"}, actor=Actor("user", "usr_1"))

    after = Seller.objects.get()
    assert (after.name, after.country, after.payment_terms_days) == ("Acme Ltd", "IE", before.payment_terms_days)
    row = apps.get_model("invoices.SellerHistory").objects.select_related("pgh_context").get(pgh_label="update")
    assert row.pgh_context.metadata == {"actor_kind": "user", "actor_id": "usr_1"}


@pytest.mark.django_db
def test_an_unknown_field_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="id"):
        seller.change(fields={"id": 2}, actor=Actor("user", "usr_1"))
