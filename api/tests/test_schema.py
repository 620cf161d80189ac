"""The published document is whole, and its page works under the strict content security policy."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import trans_real

from api.v1 import schema
from api.v1.urls import urlpatterns


@pytest.fixture
def document(db: None) -> Any:
    return json.loads(Client().get("/api/v1/openapi.json").content)


def test_describes_every_address(document: Any) -> None:
    served = {"/api/v1/" + re.sub(r"<segment:(\w+)>", r"{\1}", str(each.pattern)) for each in urlpatterns[:-1]}

    assert set(document["paths"]) == served - {"/api/v1/openapi.json", "/api/v1/docs"}


def test_every_reference_leads_somewhere(document: Any) -> None:
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))

    assert references <= set(document["components"]["schemas"])
    assert {"CustomerCreate", "CustomerAnswer", "Error"} <= references


def test_every_operation_has_a_name_of_its_own(document: Any) -> None:
    names = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]

    assert len(names) == len(set(names))
    assert {"get_customers", "get_customer_by_id", "post_meter_unarchive"} <= set(names)


def test_making_the_document_warns_of_nothing(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    schema.document.cache_clear()

    schema.document()

    assert capsys.readouterr().err == ""


def test_the_document_is_made_once_whatever_the_query_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    schema.document()
    monkeypatch.setattr(schema, "SchemaGenerator", None)
    languages = len(trans_real._translations)

    answers = [Client().get("/api/v1/openapi.json", {"lang": f"x{n}", "version": str(n)}) for n in range(3)]

    assert {answer.content for answer in answers} == {schema.document()}
    assert len(trans_real._translations) == languages


def test_every_operation_says_what_it_does_and_how_it_fails(document: Any) -> None:
    for operations in document["paths"].values():
        for method, operation in operations.items():
            assert operation["summary"], method
            assert {"401", "403", "422", "429"} <= set(operation["responses"])
            assert operation["security"] == [{"apiKey": []}]


def test_the_page_has_no_inline_script_or_style(db: None) -> None:
    page = Client().get("/api/v1/docs").content.decode()
    script = Client().get("/api/v1/docs?script=")

    assert "<style" not in page
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert script["Content-Type"].startswith("application/javascript")
    assert "/api/v1/openapi.json" in script.content.decode()
