import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps

from tests.architecture import guards


def test_no_module_near_money_or_quantities_holds_a_float() -> None:
    found = {
        guards.dotted(path): broken
        for app in guards.EXACT_APPS
        for path in guards.modules(app)
        if (broken := guards.floats(path.read_text()))
    }

    assert found == {}


def test_no_column_holds_floats() -> None:
    assert guards.float_fields(apps.get_models()) == []


@pytest.mark.parametrize(
    ("source", "broken"),
    [
        ("price = 19.99", ["line 1: the float 19.99"]),
        ("total = float(amount) + 1", ["line 1: calls float"]),
        ("PAUSE_SECONDS = 0.5", []),
        ("wait(timeout=0.5)", []),
        ("time.sleep(0.5)", []),
        ("isinstance(number, float)", []),
    ],
)
def test_the_guard_sees_a_float_unless_it_is_seconds(source: str, broken: list[str]) -> None:
    assert guards.floats(source) == broken


@isolate_apps("products")
def test_the_guard_sees_a_column_of_floats() -> None:
    class Price(models.Model):
        unit_price = models.FloatField()

        class Meta:
            app_label = "products"

    assert guards.float_fields([Price]) == ["products.Price.unit_price"]
