"""Turn a broken database constraint into the domain's exception, by the constraint's name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction

from core.errors import DomainError


@contextmanager
def refusing(constraint: str, problem: Callable[[], DomainError]) -> Iterator[None]:
    """Run the block in a savepoint; where the named constraint refuses it, raise what `problem` makes, after rolling back to it."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if broken(error) != constraint:
            raise
        raise problem() from error


def broken(error: IntegrityError) -> str | None:
    """Give the name of the constraint that PostgreSQL says was broken."""
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
