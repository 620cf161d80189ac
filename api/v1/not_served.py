"""Say of the contract's operations that are not served what to use instead: one table, which docs/api.md shows with the reasons."""

import re
from typing import NamedTuple

_PREFIX = "/api/v1"


class NotServed(NamedTuple):
    """An operation of the contract that answers 404 with this sentence. address: {x} stands for one segment."""

    method: str
    address: str
    sentence: str


_MADE = "Credit here is given to one customer, as units of a meter or as money: use POST /customers/{customer_id}/credit-grants."
_KEPT = (
    "A credit grant keeps its terms and its name: end it by POST /credit-grants/{id}/void, and give another one by "
    "POST /customers/{customer_id}/credit-grants."
)
_LEDGER = "There is no balance with a payment provider: use GET /customers/{customer_id}/wallets/ledger-entries."
_PAID = "No money moves here. What was paid stands on the invoice, GET /invoices{}: status, paid_at and amount_paid."
_PORTAL = (
    "Customers have no sign-in here, so there is no page to link to. "
    "What it would show is answered by GET /subscriptions and GET /invoices with customer_id."
)

NOT_SERVED = (
    NotServed("POST", "/credit-entitlements", _MADE),
    NotServed("PATCH", "/credit-entitlements/{id}", _KEPT),
    NotServed("DELETE", "/credit-entitlements/{id}", _KEPT),
    NotServed("POST", "/credit-entitlements/{id}/undelete", _KEPT),
    NotServed("GET", "/balances/ledger", _LEDGER),
    NotServed("GET", "/payments", _PAID.format("")),
    NotServed("GET", "/payments/{payment_id}", _PAID.format("/{id}")),
    NotServed(
        "GET",
        "/payments/{payment_id}/line-items",
        "No money moves here. What was charged stands in the lines of GET /invoices/{id}.",
    ),
    NotServed("POST", "/customers/{customer_id}/customer-portal/session", _PORTAL),
)
_PATTERNS = [(one, re.compile(re.sub(r"{\w+}", "[^/]+", _PREFIX + one.address))) for one in NOT_SERVED]


def sentence(method: str | None, path: str) -> str | None:
    """Say what to use instead of an operation of the contract; None for what the contract does not know either."""
    return next((one.sentence for one, pattern in _PATTERNS if one.method == method and pattern.fullmatch(path)), None)
