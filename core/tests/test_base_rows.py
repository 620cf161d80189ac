"""The rows that migrations write are there for every test, whatever ran before it."""

import pytest
from django.contrib.auth.models import Group

from core.models import Deployment


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", ["first", "after a flush"])
def test_the_deployment_and_the_roles_are_there(turn: str) -> None:
    assert Deployment.objects.count() == 1
    assert Group.objects.filter(name="finance").exists()
