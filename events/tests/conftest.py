"""A key that may ingest and a customer, for the tests of events."""

import pytest

from access.models import ApiKey
from customers.models import Customer
from events.tests.sending import make_customer, make_key


@pytest.fixture
def key(db: None) -> ApiKey:
    return make_key()[0]


@pytest.fixture
def ada(db: None) -> Customer:
    return make_customer()
