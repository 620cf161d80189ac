"""COPY writes what the instances hold, with keys that others can refer to at once."""

from datetime import UTC, datetime

import pytest

from core.copying import copy
from customers.models import Customer

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_rows_are_written_with_keys_defaults_and_awkward_text():
    rows = [
        Customer(name=name, email="a@b.c", metadata={"k": "v\t\\N"}, created_at=NOW, updated_at=NOW) for name in ("a\tb\n", "\\N")
    ]

    copy(rows)

    assert [(row.id, row.name, row.metadata, row.tax_rate) for row in Customer.objects.order_by("id")] == [
        (rows[0].id, "a\tb\n", {"k": "v\t\\N"}, None),
        (rows[1].id, "\\N", {"k": "v\t\\N"}, None),
    ]
    assert all(row.public_id.startswith("cus_") for row in rows)


def test_a_key_that_was_given_stays_and_nothing_is_nothing():
    assert copy([]) == []

    copy([Customer(id=77, name="n", email="a@b.c", created_at=NOW, updated_at=NOW)])

    assert Customer.objects.get().id == 77
