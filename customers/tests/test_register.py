"""Creating, changing and archiving customers."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction

from access.actors import Actor
from customers import directory, find, register
from customers.find import CustomerNotFound
from customers.listing import CustomerFilter
from customers.models import Customer
from customers.register import ExternalIdAlreadyExists, ExternalIdReserved

pytestmark = pytest.mark.django_db
ACTOR = Actor("user", "usr_1")
MONDAY, TUESDAY = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)


def create(**fields: Any) -> Customer:
    return register.create(fields={"name": "Ada", "email": "ada@example.com"} | fields, actor=ACTOR, now=MONDAY)


def update(customer: Customer, **fields: Any) -> Customer:
    return register.update(customer=customer, fields=fields, actor=ACTOR, now=TUESDAY)


def until_another_waits() -> None:
    """Return when another connection waits for a lock. Raises TimeoutError."""
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise TimeoutError


def known(reference: str) -> directory.Entry | None:
    """What ingest is told of a reference."""
    return directory.resolve({reference}, connection=connection.connection).get(reference)


def test_changes_only_what_is_named() -> None:
    customer = create(phone_number="1", metadata={"a": 1})

    changed = update(customer, name="Ada Lovelace")

    assert (changed.name, changed.email, changed.phone_number, changed.metadata) == (
        "Ada Lovelace",
        "ada@example.com",
        "1",
        {"a": 1},
    )
    assert (changed.created_at, changed.updated_at) == (MONDAY, TUESDAY)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lose", [lambda: create(external_id="42"), lambda: update(create(), external_id="42")])
def test_of_two_that_take_an_external_id_at_once_the_second_is_told_who_has_it(lose: Callable[[], Customer]) -> None:
    taken = threading.Event()

    def win() -> Customer:
        with closing(connection), transaction.atomic():
            made = create(external_id="42")
            taken.set()
            until_another_waits()
            return made

    with ThreadPoolExecutor(1) as pool:
        winner = pool.submit(win)
        taken.wait()
        with pytest.raises(ExternalIdAlreadyExists) as refused:
            lose()

    assert refused.value.message == f"Customer {winner.result().public_id} already has this external_id."


def test_never_changes_what_is_not_a_customers_to_change() -> None:
    with pytest.raises(TypeError, match="public_id"):
        update(create(), public_id="cus_other")


def test_an_external_id_stands_for_one_customer() -> None:
    first, second = create(external_id="42"), create()

    with pytest.raises(ExternalIdAlreadyExists, match=f"Customer {first.public_id} already has this external_id"):
        update(second, external_id="42")
    with pytest.raises(ExternalIdReserved):
        create(external_id="cus_42")
    assert update(first, external_id="42").external_id == "42"


def test_finds_by_either_id() -> None:
    customer = create(external_id="42")

    assert find.find("42") == find.find(customer.public_id) == customer
    with pytest.raises(CustomerNotFound, match="There is no customer 43"):
        find.find("43")


def test_finds_the_oldest_active_customer_with_an_address() -> None:
    archived, older, _younger = create(), create(), create(email="ADA@example.com")
    register.archive(customer=archived, actor=ACTOR, now=TUESDAY)

    assert find.oldest_active_with_email("Ada@Example.com") == older
    assert find.oldest_active_with_email("nobody@example.com") is None


def test_archiving_keeps_the_first_time_and_can_be_undone() -> None:
    customer = create()

    register.archive(customer=customer, actor=ACTOR, now=MONDAY)
    again = register.archive(customer=customer, actor=ACTOR, now=TUESDAY)
    back = register.unarchive(customer=customer, actor=ACTOR, now=TUESDAY)

    assert (again.archived_at, back.archived_at) == (MONDAY, None)


def test_ingest_learns_of_changes_at_once() -> None:
    customer = create(external_id="42")
    assert known("42") == directory.Entry(customer.id, archived=False)

    register.archive(customer=customer, actor=ACTOR, now=TUESDAY)
    assert known("42") == directory.Entry(customer.id, archived=True)

    update(customer, external_id="43")
    assert (known("42"), known("43")) == (None, directory.Entry(customer.id, archived=True))


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["Ada", "Bob"]),
        ({"email": "ADA@example.com"}, ["Ada"]),
        ({"name": "b"}, ["Bob"]),
        ({"search": "bob@"}, ["Bob"]),
        ({"search": "4"}, ["Ada"]),
        ({"archived": "true"}, ["Bob"]),
        ({"archived": "false"}, ["Ada"]),
        ({"created_at_gte": "2026-01-05T00:00:00Z", "created_at_lte": "2026-01-05T00:00:00Z"}, ["Ada", "Bob"]),
        ({"created_at_gte": "2026-01-06T00:00:00Z"}, []),
    ],
)
def test_lists_filter(asked: dict[str, str], names: list[str]) -> None:
    create(external_id="42")
    register.archive(customer=create(name="Bob", email="bob@example.com"), actor=ACTOR, now=TUESDAY)

    found = CustomerFilter(asked, queryset=Customer.objects.order_by("id")).qs

    assert [one.name for one in found] == names
