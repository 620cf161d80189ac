"""Name everything that can be wrong with a request to ingest, with its HTTP status. PURE."""

from dataclasses import dataclass

from core.errors import DomainError

LISTED_PROBLEMS = 100

# What is wrong with the shape or a type is 422, what breaks a rule is 400 (semantics.md [25]).
STATUSES = {
    "INVALID_JSON": 422,
    "INVALID_TEXT": 422,
    "DUPLICATE_KEY": 422,
    "MISSING_FIELD": 422,
    "WRONG_TYPE": 422,
    "NESTED_METADATA": 422,
    "NULL_VALUE": 422,
    "NUMBER_NOT_FINITE": 422,
    "INVALID_TIMESTAMP": 422,
    "EMPTY_BATCH": 400,
    "TOO_MANY_EVENTS": 400,
    "EMPTY_TEXT": 400,
    "TOO_LONG": 400,
    "TOO_MANY_KEYS": 400,
    "NUMBER_OUT_OF_RANGE": 400,
    "TIMESTAMP_TOO_OLD": 400,
    "TIMESTAMP_IN_FUTURE": 400,
    "EVENT_ID_REPEATED": 400,
    "EVENT_ID_COLLISION": 400,
    "NOT_STORABLE": 400,
    "CUSTOMER_NOT_FOUND": 400,
    "CUSTOMER_ARCHIVED": 400,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: with the event at `index` (None: with the request), at `field` (a path such as metadata.tokens)."""

    index: int | None
    event_id: str | None
    field: str | None
    code: str
    message: str


class BodyUnreadable(DomainError):
    """The body is no JSON text; `offset` is the byte at which reading stopped."""

    code = "INVALID_JSON"

    def __init__(self, message: str, *, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


def status(problems: list[Problem]) -> int:
    """Return 422 when any shape or type is wrong, else 400."""
    return max(STATUSES[problem.code] for problem in problems)


def summary(problems: list[Problem]) -> tuple[str, str]:
    """Return the code and the sentence that stand for all problems of a request."""
    codes = {problem.code for problem in problems}
    if len(problems) == 1:
        return problems[0].code, problems[0].message
    code = codes.pop() if len(codes) == 1 else "INVALID_EVENTS"
    return code, f"{len(problems)} problems; nothing was stored. Mend what `errors` lists and send the request again."
