"""The back office shows every table, in few queries, and writes only by the verbs of the domain."""

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from access.models import ApiKey, RoleHistory, User
from access.rules import MODELS
from credits.models import CreditEntry, CreditGrant
from customers.models import Customer, CustomerHistory
from invoices.models import Seller
from meters import define
from meters.models import Meter
from products.models import Product, ProductHistory
from tests import rows
from webhooks import endpoints
from webhooks.models import WebhookEndpoint, WebhookEndpointHistory  # type: ignore[attr-defined]

OURS = {
    "core",
    "access",
    "jobs",
    "webhooks",
    "customers",
    "events",
    "meters",
    "products",
    "credits",
    "invoices",
    "api",
    "dashboard",
    "billing_project",
}
pytestmark = pytest.mark.django_db
REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)
LABELS = [model._meta.label_lower for model in REGISTERED]


@pytest.fixture
def owner(db: None) -> Client:
    return client_of("owner")


def client_of(role: str) -> Client:
    user = User.objects.create_user(f"the-{role}")
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def address(model: type[models.Model], view: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=arguments)


def text_of(response: object) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))  # type: ignore[attr-defined]


def who(row: object) -> str:
    return "{actor_kind}:{actor_id}".format(**row.pgh_context.metadata)  # type: ignore[attr-defined]


def test_every_model_of_ours_is_in_the_back_office() -> None:
    ours = {model for model in apps.get_models() if model._meta.app_label in OURS and not model._meta.proxy}

    assert ours - set(REGISTERED) == set()


def test_every_model_in_the_back_office_has_a_rule_and_every_rule_a_model() -> None:
    assert sorted(LABELS) == sorted(MODELS)


def queries_of(client: Client, url: str) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        response = client.get(url)
    assert response.status_code == 200, url
    return [query["sql"] for query in asked]


@pytest.fixture
def filled(db: None) -> None:
    for _ in range(3):
        rows.of_every_table()


@pytest.mark.usefixtures("filled")
def test_every_list_takes_fewer_than_fifteen_queries_and_counts_nothing(owner: Client) -> None:
    asked = {model._meta.label: queries_of(owner, address(model, "changelist")) for model in REGISTERED}

    assert {label: len(queries) for label, queries in asked.items() if len(queries) >= 15} == {}
    assert [query for queries in asked.values() for query in queries if "COUNT(" in query.upper()] == []


@pytest.mark.usefixtures("filled")
def test_every_row_takes_fewer_than_fifteen_queries(owner: Client) -> None:
    asked = {}
    for model in REGISTERED:
        row = model._default_manager.order_by("pk").last()
        assert row is not None, f"tests.rows makes no {model._meta.label}"
        asked[model._meta.label] = queries_of(owner, address(model, "change", row.pk))

    assert {label: len(queries) for label, queries in asked.items() if len(queries) >= 15} == {}


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("model", [model for model in REGISTERED if MODELS[model._meta.label_lower].add], ids=str)
def test_every_empty_form_opens_in_fewer_than_fifteen_queries(owner: Client, model: type[models.Model]) -> None:
    assert len(queries_of(owner, address(model, "add"))) < 15


CUSTOMER = {"name": "Acme", "email": "billing@acme.example", "metadata": "{}"}


def test_a_customer_made_here_is_registered_and_history_says_by_whom() -> None:
    operator = client_of("operator")

    response = operator.post(address(Customer, "add"), CUSTOMER | {"external_id": "acme-1", "tax_rate": "0.18"})

    assert response.status_code == 302
    made = Customer.objects.get()
    assert (made.name, made.external_id, str(made.tax_rate)) == ("Acme", "acme-1", "0.180000")
    assert who(CustomerHistory.objects.get()) == f"user:{User.objects.get().public_id}"


def test_what_the_domain_refuses_stands_beside_its_field_and_nothing_is_written() -> None:
    operator = client_of("operator")

    response = operator.post(address(Customer, "add"), CUSTOMER | {"external_id": "cus_mine"})

    assert response.status_code == 200
    assert response.context["adminform"].form.errors == {
        "external_id": ["`external_id` must not begin with cus_, as our own ids do."]
    }
    assert not Customer.objects.exists()


def test_a_change_names_only_what_changed() -> None:
    operator = client_of("operator")
    customer = rows.customer()

    response = operator.post(address(Customer, "change", customer.pk), {"name": "New", "email": customer.email, "metadata": "{}"})

    assert response.status_code == 302
    customer.refresh_from_db()
    assert customer.name == "New"
    assert customer.updated_at > rows.NOW


def test_customers_are_archived_and_brought_back() -> None:
    operator = client_of("operator")
    customer = rows.customer()

    for action, archived in (("archive", True), ("unarchive", False)):
        operator.post(address(Customer, "changelist"), {"action": action, "_selected_action": [customer.pk]})

        customer.refresh_from_db()
        assert (customer.archived_at is not None) == archived


def test_a_product_keeps_its_price_when_its_name_changes() -> None:
    operator = client_of("operator")
    product = rows.price_version().product

    response = operator.post(
        address(Product, "change", product.pk),
        {"name": "Gold", "description": "", "tax_category": "saas", "metadata": "{}"} | NO_INLINES,
    )

    assert response.status_code == 302
    assert Product.objects.get().name == "Gold"
    assert who(ProductHistory.objects.get(pgh_label="update")) == f"user:{User.objects.get().public_id}"


NO_INLINES = {f"versions-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}


def test_a_meter_is_described_and_what_it_counts_stands() -> None:
    operator = client_of("operator")
    meter = define.create(
        name="Calls", event_name="call", aggregation="count", over_property=None, measurement_unit="calls", now=rows.NOW
    )
    form = {"name": "API calls", "description": "", "measurement_unit": "calls", "event_name": "other"}

    response = operator.post(
        address(Meter, "change", meter.pk), form | {f"activity-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    )

    assert response.status_code == 302, text_of(response)
    meter.refresh_from_db()
    assert (meter.name, meter.event_name) == ("API calls", "call")


def test_an_action_tells_which_rows_it_was_refused_for() -> None:
    operator = client_of("operator")
    archived, active = (rows.price_version().product for _ in range(2))
    Product.objects.filter(pk=archived.pk).update(archived_at=rows.NOW)

    response = operator.post(
        address(Product, "changelist"), {"action": "archive", "_selected_action": [archived.pk, active.pk]}, follow=True
    )

    assert f"{archived.name}: This product is archived already." in text_of(response)
    assert "Done for 1 row." in text_of(response)


def test_credit_is_given_with_its_ledger() -> None:
    operator = client_of("operator")
    customer = rows.customer()

    response = operator.post(
        address(CreditGrant, "add"),
        {
            "customer": customer.pk,
            "kind": "money",
            "currency": "USD",
            "amount": "500",
            "applies_to": "usage",
            "priority": "100",
            "effective_at_0": "2026-03-01",
            "effective_at_1": "00:00:00",
            "rollover": "none",
            "periods-TOTAL_FORMS": "0",
            "periods-INITIAL_FORMS": "0",
        },
    )

    assert response.status_code == 302, response.context["adminform"].form.errors
    assert [(entry.kind, entry.amount) for entry in CreditEntry.objects.all()] == [("granted", 500)]


def test_the_seller_is_named() -> None:
    operator = client_of("operator")

    response = operator.post(
        address(Seller, "change", 1), {"name": "Acme Ltd", "default_tax_rate": "0.2", "payment_terms_days": "30"}
    )

    assert response.status_code == 302, text_of(response)
    assert Seller.objects.get().name == "Acme Ltd"


def test_a_key_is_revoked() -> None:
    operator = client_of("operator")
    key = rows.api_key()

    operator.post(address(ApiKey, "changelist"), {"action": "revoke", "_selected_action": [key.pk]})

    key.refresh_from_db()
    assert key.revoked_at is not None


def test_an_owner_lets_somebody_in_with_a_role_and_history_tells() -> None:
    owner = client_of("owner")
    finance = Group.objects.get(name="finance")
    RoleHistory.objects.all().delete()

    response = owner.post(
        address(User, "add"),
        {
            "username": "fred",
            "email": "fred@example.com",
            "groups": [finance.pk],
            "usable_password": "true",
            "password1": "correct horse 12",
            "password2": "correct horse 12",
        },
    )

    assert response.status_code == 302, text_of(response)
    fred = User.objects.get(username="fred")
    assert fred.check_password("correct horse 12")
    assert [group.name for group in fred.groups.all()] == ["finance"]
    assert who(RoleHistory.objects.get(user=fred)) == f"user:{User.objects.get(username='the-owner').public_id}"


def test_the_only_owner_stays_one() -> None:
    owner = client_of("owner")
    me = User.objects.get()

    response = owner.post(address(User, "change", me.pk), {"username": me.username, "is_active": "on", "groups": []})

    assert "There must be an owner" in text_of(response)
    assert [group.name for group in me.groups.all()] == ["owner"]


def test_an_owner_sets_somebodys_password() -> None:
    owner = client_of("owner")
    fred = User.objects.create_user("fred")

    response = owner.post(
        reverse("admin:auth_user_password_change", args=[fred.pk]),
        {"usable_password": "true", "password1": "correct horse 12", "password2": "correct horse 12"},
    )

    assert response.status_code == 302, text_of(response)
    fred.refresh_from_db()
    assert fred.check_password("correct horse 12")


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "label", ["events.event", "events.eventvoid", "invoices.invoice", "credits.creditentry", "meters.usageday"]
)
def test_nobody_edits_history(owner: Client, label: str) -> None:
    model = apps.get_model(label)
    row = model.objects.first()

    assert owner.post(address(model, "change", row.pk), {}).status_code == 403
    assert owner.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert owner.get(address(model, "add")).status_code == 403


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("of", "field", "label"),
    [
        ("invoices.invoice", "customer", "customers.customer"),
        ("meters.usageday", "meter", "meters.meter"),
        ("events.eventvoid", "event", "events.event"),
    ],
)
def test_customers_meters_and_events_are_found_while_typing(owner: Client, of: str, field: str, label: str) -> None:
    app, model = of.split(".")
    whole = str(apps.get_model(label).objects.last())

    found = owner.get(
        reverse("admin:autocomplete"), {"app_label": app, "model_name": model, "field_name": field, "term": whole}
    ).json()

    assert [one["text"] for one in found["results"]] == [whole]


@pytest.mark.usefixtures("filled")
def test_the_history_of_a_row_is_one_click_away(owner: Client) -> None:
    customer = Customer.objects.last()
    assert customer is not None

    response = owner.get(address(Customer, "history", customer.pk), follow=True)

    assert response.request["PATH_INFO"] == address(CustomerHistory, "changelist")
    assert response.context["cl"].result_list.count() == 1
    assert owner.get(address(Customer, "history", "é")).status_code == 404


def test_headers_that_an_endpoint_is_sent_stand_on_no_page(owner: Client) -> None:
    endpoint = endpoints.create(
        url="https://example.com/hook", headers={"Authorization": "Bearer receiver-1"}, now=timezone.now()
    )
    history = WebhookEndpointHistory.objects.get()

    shown = [
        owner.get(address(model, "change", row.pk)).content.decode()
        for model, row in ((WebhookEndpoint, endpoint), (WebhookEndpointHistory, history))
    ]

    assert all("https://example.com/hook" in page for page in shown)
    assert not any("receiver-1" in page or endpoint.secret in page for page in shown)
