"""What the published description of events and meters says is what they do, whatever is asked: schemathesis makes the questions up."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests import factories, live

ABOUT = ("/api/v1/events", "/api/v1/meters", "/api/v1/event-")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12
PATIENCE = 60  # seconds; to make the description alone takes two on an idle machine, and the client's own patience is ten
QUIET = settings(
    max_examples=EXAMPLES,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def url() -> Any:
    with live.server() as address:
        yield address


@pytest.mark.django_db(transaction=True)
def test_events_and_meters_do_what_their_description_says(url: str, secrets: dict[str, str]) -> None:
    described = schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json", timeout=PATIENCE)
    customer, meter = factories.customer(), factories.meter("sum", "n", filter=None)
    event_id = factories.log(customer, factories.NOW, {"n": 1})
    known = {"event_id": event_id, "id": meter.public_id, "customer_id": customer.public_id, "meter_id": meter.public_id}
    asked = []

    for operation in (found.ok() for found in described.get_all_operations()):  # type: ignore[union-attr]
        if operation.path.startswith(ABOUT):
            asked.append(f"{operation.method} {operation.path}")
            ask(operation, url=url, secret=secrets["write"], known=known)

    assert {"post /api/v1/events/ingest", "get /api/v1/events/{event_id}/explain", "get /api/v1/meters/{id}/usage"} <= set(asked)


def ask(operation: Any, *, url: str, secret: str, known: dict[str, str]) -> None:
    """Send requests that fit the description, and some that do not; half of them about what exists."""

    @QUIET
    @given(
        fitting=operation.as_strategy(),
        unfitting=operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        about=booleans(),
    )
    def each(fitting: Any, unfitting: Any, about: bool) -> None:
        for case in (fitting, unfitting):
            if about:
                case.path_parameters = {name: known.get(name, given) for name, given in (case.path_parameters or {}).items()}
            response = case.call(base_url=url, headers={"Authorization": f"Bearer {secret}"}, timeout=PATIENCE)
            case.validate_response(response, checks=CHECKS)

    each()
