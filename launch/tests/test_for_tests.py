import pytest
from django.db import connection


@pytest.mark.django_db
def test_the_tests_run_on_postgresql_with_a_c_collation() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT datlocprovider::text, datlocale, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
        )
        row = cursor.fetchone()

    assert row == ("b", "C.UTF-8", "UTF8")
