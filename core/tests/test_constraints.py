"""A broken constraint becomes the domain's exception by its name."""

import pytest
from django.db import IntegrityError

from core.constraints import refusing
from core.errors import DomainError
from core.models import BillingDay, Deployment

pytestmark = pytest.mark.django_db


def test_the_named_constraint_raises_the_domains_exception_and_the_transaction_goes_on():
    with pytest.raises(DomainError, match="once"), refusing("core_deployment_pkey", lambda: DomainError("once")):
        Deployment.objects.create(billing_time_zone="UTC", system_identifier="1")

    assert Deployment.objects.count() == 1


def test_another_constraint_is_not_hidden():
    with pytest.raises(IntegrityError), refusing("core_deployment_pkey", lambda: DomainError("once")):
        BillingDay.objects.create(date="2026-01-01", starts_at="2026-01-01T00:00Z", ends_at="2026-01-01T00:00Z")
