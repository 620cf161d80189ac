"""Find the row that an address names by its public id."""

import re
from typing import TypeVar

from django.db.models import Model, QuerySet

from api.v1.errors import Refused

Row = TypeVar("Row", bound=Model)


def find(rows: type[Row] | QuerySet[Row], public_id: str) -> Row:
    """Return the row with this public id. Raises Refused with a code such as CREDIT_GRANT_NOT_FOUND."""
    among = rows if isinstance(rows, QuerySet) else rows._default_manager.all()
    found = among.filter(public_id=public_id).first()
    if found is None:
        words = re.findall("[A-Z][a-z]+", among.model.__name__)
        raise Refused(f"{'_'.join(words).upper()}_NOT_FOUND", f"There is no {' '.join(words).lower()} {public_id[:100]}.")
    return found
