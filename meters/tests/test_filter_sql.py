"""SQL and Python agree on which events a filter matches."""

from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from core.exact_json import dumps
from meters.filter_sql import Parameters, number, where
from meters.filters import OPERATORS, FilterTree, Group, matches, parse
from meters.tests.filter_cases import CASES, MISSING
from meters.tests.strategies import METADATA, groups

pytestmark = pytest.mark.django_db


def judged_by_sql(tree: FilterTree, events: list[dict[str, Any]]) -> list[bool | None]:
    """Judge each event's metadata in the database."""
    parameters = Parameters()
    statement = sql.SQL(
        "SELECT {} FROM unnest(%(events)s::jsonb[]) WITH ORDINALITY AS e(metadata, number) ORDER BY number"
    ).format(where(tree, parameters))
    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters.bound, "events": [dumps(metadata) for metadata in events]})
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize(("operator", "expected", "actual", "holds"), CASES)
def test_each_case_of_the_table_holds_in_sql(operator: str, expected: Any, actual: Any, holds: bool) -> None:
    tree = parse({"conjunction": "and", "clauses": [{"key": "k", "operator": operator, "value": expected}]})

    assert judged_by_sql(tree, [{} if actual is MISSING else {"k": actual}]) == [holds]


@given(tree=groups(), events=st.lists(METADATA, min_size=1, max_size=30))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sql_and_python_agree(tree: Group, events: list[dict[str, Any]]) -> None:
    assert judged_by_sql(tree, events) == [matches(tree, metadata) for metadata in events]


@pytest.mark.parametrize("operator", [name for name, row in OPERATORS.items() if "string" in row.kinds])
def test_texts_are_compared_by_code_point_however_the_database_sorts(operator: str) -> None:
    tree = parse({"conjunction": "and", "clauses": [{"key": "k", "operator": operator, "value": "é"}]})

    # A database of the tests sorts by code point itself; one of a user may be made with any collation.
    assert where(tree, Parameters()).as_string().count('COLLATE "C"') == 1


def test_no_filter_is_true() -> None:
    assert judged_by_sql(None, [{}]) == [True]


def test_a_property_that_is_no_number_reads_as_nothing() -> None:
    parameters = Parameters()
    events = ['{"k": 0.1}', '{"k": 150}', '{"k": "150"}', '{"k": true}', "{}"]
    statement = sql.SQL("SELECT {}::text FROM unnest(%(events)s::jsonb[]) AS e(metadata)").format(number("k", parameters))

    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters.bound, "events": events})
        assert [row[0] for row in cursor.fetchall()] == ["0.1", "150", None, None, None]
