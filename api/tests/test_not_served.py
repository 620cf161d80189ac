"""What of the contract is not served says so, and what to use instead."""

import re
from collections.abc import Callable
from typing import Any

import dodopayments
import pytest
from dodopayments import DodoPayments

from api.v1.not_served import NOT_SERVED, sentence
from tests.architecture.guards import ROOT


@pytest.mark.parametrize("one", NOT_SERVED, ids=lambda one: f"{one.method} {one.address}")
def test_each_operation_says_what_to_use_instead(call: Callable[..., Any], one: Any) -> None:
    reply = call(one.method, re.sub(r"{\w+}", "x%2Fy", one.address))

    assert (reply.status, reply.body) == (404, {"code": "NOT_SERVED", "message": one.sentence})


def test_the_published_client_shows_the_sentence(dodo: DodoPayments) -> None:
    with pytest.raises(dodopayments.NotFoundError) as refused:
        dodo.payments.list()

    assert refused.value.body == {
        "code": "NOT_SERVED",
        "message": "No money moves here. What was paid stands on the invoice, GET /invoices: status, paid_at and amount_paid.",
    }


def test_other_methods_and_longer_addresses_are_not_in_the_contract() -> None:
    assert sentence("DELETE", "/api/v1/payments") is None
    assert sentence("GET", "/api/v1/payments/a/b") is None
    assert sentence("GET", "/payments") is None


def test_the_document_lists_them_all() -> None:
    section = (ROOT / "docs/api.md").read_text().split("## Of the contract, not served")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    listed = set()
    for operation in re.findall(r"`([^`]+)`", " ".join(cells)):
        methods, address = operation.rsplit(" ", 1)
        listed |= {(method, address) for method in methods.split(", ")}

    assert listed == {(one.method, one.address) for one in NOT_SERVED}
