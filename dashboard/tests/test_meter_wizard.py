from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from dashboard import meter_drafts
from dashboard.tests import world
from events import catalogue
from meters import filters, rollup
from meters.models import Meter
from tests import factories
from tests.factories import NOW, log

NEW = "/meters/new?draft=mine"
BASICS = {"step": "basics", "name": "Tokens", "event_name": "llm.call", "description": ""}
SUM = {"step": "aggregation", "aggregation": "sum", "over_property": "tokens", "measurement_unit": "tokens"}
FILTER = {
    "step": "filter",
    "filter.conjunction": "and",
    "filter.0.key": "model", "filter.0.operator": "equals", "filter.0.kind": "string", "filter.0.value": "small",
    "filter.1.conjunction": "or",
    "filter.1.0.key": "rate", "filter.1.0.operator": "less_than", "filter.1.0.kind": "number", "filter.1.0.value": "0.10",
    "filter.1.1.key": "id", "filter.1.1.operator": "equals", "filter.1.1.kind": "number",
    "filter.1.1.value": "12345678901234567890",
}  # fmt: skip


@pytest.fixture
def operator(db: None) -> Client:
    return world.signed_in("operator")


def post(client: Client, fields: dict[str, str], do: str, *, htmx: bool = True) -> Any:
    return client.post(NEW, {**fields, "do": do}, headers={"HX-Request": "true"} if htmx else {})


def walk(client: Client, *steps: dict[str, str]) -> None:
    for fields in steps:
        post(client, fields, "next")


def text(response: HttpResponse) -> str:
    return response.content.decode()


def test_four_steps_make_a_meter_with_every_digit(operator: Client) -> None:
    walk(operator, BASICS, SUM, FILTER)

    answer = post(operator, {"step": "review"}, "create")

    made = Meter.objects.get()
    assert answer.headers["HX-Redirect"] == reverse("dashboard:meter", args=[made.public_id])
    assert (made.name, made.event_name, made.aggregation, made.over_property) == ("Tokens", "llm.call", "sum", "tokens")
    assert made.filter == {
        "conjunction": "and",
        "clauses": [
            {"key": "model", "operator": "equals", "value": "small"},
            {
                "conjunction": "or",
                "clauses": [
                    {"key": "rate", "operator": "less_than", "value": Decimal("0.10")},
                    {"key": "id", "operator": "equals", "value": 12345678901234567890},
                ],
            },
        ],
    }


def test_a_button_that_is_pressed_twice_makes_one_meter(operator: Client, rf: RequestFactory) -> None:
    walk(operator, BASICS, SUM, FILTER)
    presses = [rf.post(NEW), rf.post(NEW)]
    for press in presses:
        press.session = operator.session
    drafts = [meter_drafts.load(press, "mine") or meter_drafts.Draft() for press in presses]

    taken = [meter_drafts.claim(press, draft) for press, draft in zip(presses, drafts, strict=True)]

    assert taken == [True, False]


def test_a_draft_from_before_an_upgrade_goes_on(operator: Client) -> None:
    walk(operator, BASICS)
    session = operator.session
    session[meter_drafts.SESSION_KEY]["mine"]["gone since"] = "x"
    del session[meter_drafts.SESSION_KEY]["mine"]["measurement_unit"]
    session.save()

    assert 'value="Tokens"' in text(operator.get(f"{NEW}&step=basics"))


def test_without_scripts_each_step_is_a_page_and_back_and_reload_lose_nothing(operator: Client) -> None:
    answer = post(operator, BASICS, "next", htmx=False)
    assert answer.headers["Location"] == f"{NEW}&step=aggregation"
    post(operator, {**SUM, "over_property": ""}, "back", htmx=False)

    assert 'value="llm.call"' in text(operator.get(f"{NEW}&step=basics"))
    assert "Name the metadata key" not in text(operator.get(f"{NEW}&step=aggregation"))
    post(operator, SUM, "next", htmx=False)
    answer = post(operator, FILTER, "add:filter.1", htmx=False)
    assert answer.headers["Location"] == f"{NEW}&step=filter#filter-1-2"
    assert 'value="0.10"' in text(operator.get(f"{NEW}&step=filter"))


def test_a_step_with_a_fault_is_not_left_forwards(operator: Client) -> None:
    assert "This field is required" in text(post(operator, {**BASICS, "name": ""}, "next"))
    walk(operator, BASICS)
    assert "Name the metadata key" in text(post(operator, {**SUM, "over_property": ""}, "go:review"))
    walk(operator, SUM)
    answer = text(post(operator, {**FILTER, "filter.1.0.value": "1,5"}, "next"))
    assert 'aria-describedby="filter-1-0-error"' in answer
    assert "Enter a number with a point" in answer
    post(operator, {"step": "review"}, "create")
    assert not Meter.objects.exists()


def test_clauses_come_and_go_and_the_next_one_has_the_focus(operator: Client) -> None:
    walk(operator, BASICS, SUM)

    added = text(post(operator, FILTER, "group:filter.1"))
    removed = text(post(operator, {}, "remove:filter.1.2.0"))

    assert '<form id="wizard-form"' in added
    assert "<html" not in added
    assert 'name="filter.1.2.0.key" value="" list="keys" placeholder="Property" autocomplete="off" spellcheck="false" ' in added
    assert added.count("autofocus") == removed.count("autofocus") == 1
    assert 'data-key-of="filter-1-1" autofocus' in removed
    assert "filter.1.2" not in removed


@pytest.fixture
def received(transactional_db: None) -> None:
    acme = factories.customer("Acme")
    log(acme, NOW, {"tokens": 5, "model": "small"}, name="llm.call")
    log(acme, NOW, {"tokens": "7", "model": "small"}, name="llm.call")
    log(acme, NOW, {"tokens": 11, "model": "large"}, name="llm.call")
    log(acme, NOW, name="LLM.call")
    rollup.roll(now=NOW)


def test_names_keys_types_and_samples_of_received_events_are_offered(received: None) -> None:
    client = world.signed_in("operator")
    names = text(client.get(NEW))
    keys = text(post(client, BASICS, "next"))

    assert '<option value="llm.call">' in names
    assert '<option value="tokens">number 66%, string 33%: 11, 7, 5</option>' in keys.replace("\n", "")
    assert catalogue.properties("llm.call")[0].total == 3


def preview(client: Client, **fields: str) -> str:
    return text(client.post("/meters/preview", {**BASICS, **SUM, **fields}))


def test_the_preview_follows_what_is_typed(received: None) -> None:
    client = world.signed_in("operator")
    small = {"filter.conjunction": "and", "filter.0.key": "model", "filter.0.operator": "equals", "filter.0.value": "small"}

    assert "<strong>16</strong> tokens" in preview(client)
    filtered = preview(client, **small)
    assert "<strong>5</strong> tokens" in filtered
    assert "fails for 1" in filtered
    assert "pass, but carry “tokens” as text" in filtered
    assert "Events named “LLM.call” were received, too." in filtered
    assert "<strong>16</strong> tokens" in preview(client, **small, without_filter="1")
    assert "One condition is not complete" in preview(client, **{**small, "filter.0.key": ""})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"event_name": "llm.cal"}, "No event named “llm.cal” was ever received."),
        ({"over_property": "Tokens"}, "Events carry “tokens”, not “Tokens”."),
        ({"over_property": "model"}, "Events carry “model” as text"),
        ({"filter.conjunction": "and", "filter.0.key": "model", "filter.0.value": "huge"}, "The filter keeps every event out"),
    ],
)
def test_zero_is_said_before_the_meter_is_made(received: None, fields: dict[str, str], reason: str) -> None:
    client = world.signed_in("operator")

    for page in (preview(client, **fields), _review(client, fields)):
        assert "This meter would have counted 0." in page
        assert reason in page


def _review(client: Client, fields: dict[str, str]) -> str:
    walk(client, {**BASICS, **fields}, {**SUM, **fields}, {"step": "filter", **fields})
    return text(client.get(f"{NEW}&step=review"))


@pytest.mark.parametrize(("name", "status"), [("\0", 400), ("a\0b", 400), ("x" * 600, 200), ("", 200)])
def test_what_no_event_can_be_called_does_no_harm(operator: Client, name: str, status: int) -> None:
    for fields in ({"event_name": name}, {"over_property": name}, {"filter.0.key": name, "filter.conjunction": "and"}):
        assert operator.post("/meters/preview", {**BASICS, **SUM, **fields}).status_code == status
        assert post(operator, {**BASICS, **fields}, "next").status_code == status


def test_a_duplicate_begins_as_its_origin(operator: Client) -> None:
    tree = {"conjunction": "and", "clauses": [{"key": "rate", "operator": "less_than", "value": Decimal("0.10")}]}
    meter = factories.meter("max", "size", filter=tree, description="Ours")

    address = operator.get(f"/meters/new?copy={meter.public_id}").headers["Location"]
    page = text(operator.get(address))
    answer = operator.post(address, {"step": "basics", "name": "Copy", "do": "go:review"}, follow=True)
    operator.post(address, {"step": "review", "do": "create"})

    assert "A copy of Tokens" in page
    assert "The greatest size over events tokens where rate is below 0.1." in text(answer)
    copy = Meter.objects.get(name="Copy")
    assert filters.parse(copy.filter) == filters.parse(meter.filter)
    assert (copy.event_name, copy.over_property, copy.description) == ("tokens", "size", "Ours")
