"""What each key delivered, on pages, as CSV and over the API; and which one is missed."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access import keys
from access.models import ApiKey
from dashboard.tests import world
from events import deliveries
from events.deliveries import Delivered
from events.models import DeliveryHour, DeliveryRefusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Client:
    return world.signed_in()


@pytest.fixture
def key() -> ApiKey:
    return world.any_key()


def this_hour() -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0)


def deliver(key: ApiKey, *, ago: Iterable[int] = (1,), refused: dict[str, int] | None = None, **counts: int) -> None:
    for number in ago:
        hour = this_hour() - timedelta(hours=number)
        given = {"accepted_count": 10, **counts}
        DeliveryHour.objects.create(api_key=key, hour=hour, latest_success_at=hour + timedelta(minutes=5), **given)
        for code, many in (refused or {}).items():
            DeliveryRefusal.objects.create(api_key=key, hour=hour, code=code, refused_count=many)


def page(client: Client, name: str, *arguments: Any, **query: Any) -> str:
    response = client.get(reverse(f"dashboard:{name}", args=arguments), query)
    assert response.status_code == 200
    return (response.getvalue() if response.streaming else response.content).decode()


@pytest.mark.parametrize(
    ("delivered", "rate"),
    [
        (Delivered(), "None"),
        (Delivered(accepted=3, duplicate=3, conflict=1, refused={"A": 1, "B": 1}), "0.6666"),
        (Delivered(accepted=99_999, refused={"A": 1}), "0.9999"),
        (Delivered(accepted=5), "1.0000"),
    ],
)
def test_the_rate_is_one_only_where_all_succeeded(delivered: Delivered, rate: str) -> None:
    assert str(delivered.success_rate) == rate


def test_keys_are_listed_with_what_became_of_their_events(owner: Client, key: ApiKey) -> None:
    deliver(key, duplicate_count=2, conflict_count=1, refused={"NULL_VALUE": 6, "TOO_LONG": 1})

    shown = page(owner, "delivery", span="24h")

    assert "60%" in shown
    assert f'href="{reverse("dashboard:refused")}?key={key.public_id}">7</a>' in shown
    assert "NULL_VALUE" in shown
    assert "badge-bad" not in shown


def test_a_key_has_its_chart_and_table_by_hour_and_by_day(owner: Client, key: ApiKey) -> None:
    deliver(key, ago=(1, 2), refused={"NULL_VALUE": 6})

    by_hour = page(owner, "delivery_key", key.public_id, span="24h")
    by_day = page(owner, "delivery_key", key.public_id, span="90d")
    figure = owner.get(reverse("dashboard:delivery_figure", args=[key.public_id]), {"span": "24h"}).json()

    assert (by_hour.count('scope="row"'), "Events by day" in by_day) == (2, True)
    assert [(trace["name"], trace["y"]) for trace in figure["data"]] == [("Accepted", [10, 10]), ("Refused", [6, 6])]
    assert figure["layout"]["barmode"] == "stack"


def test_the_table_is_exported(owner: Client, key: ApiKey) -> None:
    ApiKey.objects.filter(pk=key.pk).update(name="=1+1")
    deliver(key, refused={"B": 2, "A": 1})

    header, line, _end = page(owner, "delivery_export", key=key.public_id).split("\r\n")

    assert header.startswith("api_key_id,api_key,hour,accepted")
    assert line.split(",")[1:2] + line.split(",")[3:9] == ["'=1+1", "10", "0", "0", "3", "A:1 B:2", "0.7692"]


def test_a_key_gone_silent_is_pointed_out_also_on_the_overview(owner: Client, key: ApiKey) -> None:
    other = world.any_key()
    deliver(key, ago=range(5, 120))
    deliver(other, ago=range(1, 120))
    said = "Gateway has sent nothing for 4 hours; in the week before it sent every hour"

    assert page(owner, "delivery").count(said) == 1
    assert said in page(owner, "delivery_key", key.public_id)
    assert said not in page(owner, "delivery_key", other.public_id)
    assert said in page(owner, "home")

    keys.revoke(key=key, now=timezone.now())
    assert said not in page(owner, "home")


def test_a_key_whose_events_are_all_refused_is_not_silent(owner: Client, key: ApiKey) -> None:
    deliver(key, ago=range(5, 120))
    DeliveryRefusal.objects.create(api_key=key, hour=this_hour(), code="A", refused_count=1)

    assert deliveries.silent_keys(now=timezone.now()) == []


def test_an_empty_range_says_so(owner: Client, key: ApiKey) -> None:
    assert "This key sent nothing in this time" in page(owner, "delivery_key", key.public_id)


def test_a_file_holds_more_hours_than_an_answer_of_the_api_may(owner: Client, key: ApiKey) -> None:
    deliver(key, ago=(1, 30, 60))

    with mock.patch.object(deliveries, "MOST_ROWS", 2):
        _header, *lines = page(owner, "delivery_export").splitlines()

    assert [datetime.fromisoformat(line.split(",")[2]) for line in lines] == [
        this_hour() - timedelta(hours=ago) for ago in (60, 30, 1)
    ]
