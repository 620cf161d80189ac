"""Column types that Django lacks: public ids, PostgreSQL transaction ids and snapshots."""

from decimal import Decimal
from functools import partial
from typing import Any

from django.db import models

from core.ids import public_id


class PublicIdField(models.CharField):
    """An unguessable, unique text id made on creation; migrations see a plain CharField."""

    def __init__(self, prefix: str = "", **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs.setdefault("max_length", 40)
        super().__init__(**{**kwargs, "unique": True, "editable": False, "default": partial(public_id, prefix)})

    def deconstruct(self) -> tuple[Any, Any, Any, Any]:
        name, _path, args, kwargs = super().deconstruct()
        kwargs.pop("default", None)
        return name, "django.db.models.CharField", args, kwargs


class Xid8Field(models.BigIntegerField):
    """A PostgreSQL xid8: a transaction id that never wraps, an int in Python.

    Greater than any bigint only after 2^63 transactions. db_default is PostgreSQL's own current transaction id where asked.
    """

    def db_type(self, connection: Any) -> str:
        return "xid8"

    def from_db_value(self, stored: Any, expression: Any, connection: Any) -> int | None:
        return None if stored is None else int(stored)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> str | None:
        return None if value is None else str(int(value))


class SnapshotField(models.TextField):
    """A PostgreSQL pg_snapshot as its text, xmin:xmax:xip_list."""

    def db_type(self, connection: Any) -> str:
        return "pg_snapshot"


class NumericField(models.Field):
    """An unconstrained PostgreSQL NUMERIC: a Decimal of any length and scale, exact; int and str are taken too, float is not."""

    def db_type(self, connection: Any) -> str:
        return "numeric"

    def get_prep_value(self, value: Any) -> Decimal | None:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        if isinstance(value, float):
            raise TypeError("a quantity is never a float")
        return Decimal(value)

    def to_python(self, value: Any) -> Decimal | None:
        return self.get_prep_value(value)
