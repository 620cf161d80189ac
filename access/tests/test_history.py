"""Every change of configuration says who made it."""

from contextlib import nullcontext
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pghistory.models import Context
from psycopg import sql

from access import keys
from access.actors import COMMAND, Actor
from access.history import acting
from access.models import ApiKey, ApiKeyHistory, User, UserHistory

NOW = datetime(2026, 3, 1, tzinfo=UTC)
USER, KEY = Actor("user", "usr_1"), Actor("api_key", "key_1")


def make(name: str) -> None:
    ApiKey.objects.create(name=name, scope="read", secret_hash=name.encode(), created_at=NOW, created_by="test")


def who() -> dict[str, str | None]:
    return {row.name: _actor(row.pgh_context) for row in ApiKeyHistory.objects.select_related("pgh_context")}


def _actor(context: Context | None) -> str | None:
    return context and "{actor_kind}:{actor_id}".format(**context.metadata)


@pytest.mark.django_db
def test_a_change_carries_its_actor() -> None:
    with acting(USER):
        make("a")

    assert who() == {"a": "user:usr_1"}


@pytest.mark.django_db
def test_a_bulk_update_carries_its_actor_too() -> None:
    make("a")

    with acting(USER):
        ApiKey.objects.update(name="b")

    assert who() == {"a": None, "b": "user:usr_1"}


@pytest.mark.django_db
def test_an_inner_actor_counts_until_it_ends() -> None:
    with acting(USER):
        make("a")
        with acting(KEY):
            make("b")
        make("c")

    assert who() == {"a": "user:usr_1", "b": "api_key:key_1", "c": "user:usr_1"}


@pytest.mark.django_db(transaction=True)
def test_an_actor_ends_with_its_block() -> None:
    with acting(USER):
        make("a")
    make("b")
    with pytest.raises(ZeroDivisionError), acting(USER):
        raise ZeroDivisionError
    make("c")

    assert who() == {"a": "user:usr_1", "b": None, "c": None}


@pytest.mark.django_db
@pytest.mark.parametrize("nested", [False, True])
def test_composed_statements_run_too(nested: bool):
    statement = sql.SQL("WITH one AS (SELECT {} AS n) SELECT n, {}::text FROM one").format(sql.Literal(1), sql.Placeholder("t"))

    with acting(USER), acting(KEY) if nested else nullcontext(), connection.cursor() as cursor:
        cursor.execute(statement, {"t": "100 %"})
        row = cursor.fetchone()

    assert row == (1, "100 %")


@pytest.mark.django_db
def test_the_same_actor_again_stays_in_one_context() -> None:
    with acting(USER), acting(USER):
        make("a")
    with acting(USER):
        make("b")

    contexts = ApiKeyHistory.objects.values_list("pgh_context", flat=True)
    assert len(set(contexts)) == 2
    assert who() == {"a": "user:usr_1", "b": "user:usr_1"}


@pytest.mark.django_db
def test_a_command_is_the_actor_of_what_it_does() -> None:
    call_command("create_api_key", "--name", "server", "--scope", "ingest", stdout=StringIO())

    assert who() == {"server": "system:command"}


@pytest.mark.django_db
def test_a_key_is_the_actor_of_what_it_asks_for() -> None:
    key, secret = keys.create(name="server", scope="write", actor=COMMAND, now=NOW)

    response = Client().post(
        "/api/v1/customers",
        {"name": "Acme", "email": "billing@acme.example"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )

    assert response.status_code == 200
    row = apps.get_model("customers.CustomerHistory").objects.select_related("pgh_context").get()
    assert _actor(row.pgh_context) == f"api_key:{key.public_id}"


@pytest.mark.django_db
def test_who_changed_a_password_is_kept_and_the_password_is_not() -> None:
    owner, other = (User.objects.create_superuser(name, password="a long password 1") for name in ("owner", "other"))
    client = Client()
    client.force_login(owner)

    own = client.post(
        "/password",
        {"old_password": "a long password 1", "new_password1": "a longer password", "new_password2": "a longer password"},
    )
    others = client.post(
        f"/admin/access/user/{other.pk}/password/",
        {"password1": "a longer password", "password2": "a longer password", "usable_password": "true"},
    )

    assert (own.status_code, others.status_code) == (302, 302)
    rows = UserHistory.objects.filter(pgh_label="password_changed").order_by("pgh_id").select_related("pgh_context")
    by = f"user:{owner.public_id}"
    assert [(row.username, _actor(row.pgh_context)) for row in rows] == [("owner", by), ("other", by)]
    assert "password" not in {field.name for field in UserHistory._meta.fields}
