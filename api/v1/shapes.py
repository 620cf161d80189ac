"""Define the small types that many shapes share: bounded integers, plain decimal strings, addresses."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from api.v1.body import invalid
from api.v1.errors import Refused
from core.money import CURRENCIES

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
ShortText = Annotated[str, msgspec.Meta(max_length=300)]
LongText = Annotated[str, msgspec.Meta(max_length=10_000)]
Count = Annotated[int, msgspec.Meta(ge=1, le=32_767)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=10**15, description="Integer minor units of the currency.")]
DECIMAL = r"-?[0-9]{1,30}(\.[0-9]{1,18})?"
DecimalText = Annotated[str, msgspec.Meta(pattern=f"^{DECIMAL}$", description="A plain decimal as text.")]
TrialDays = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Interval = Literal["Day", "Week", "Month", "Year"]
# The length, for `$` lets a line feed pass behind it.
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$", max_length=2, description="ISO 3166-1 alpha-2")]
Metadata = dict[str, Any]
Locale = Literal[
    "ar", "ca", "zh", "nl", "en", "fr", "de", "he", "id", "it", "ja", "ka", "ko", "ms", "pl", "pt", "ro", "ru", "es", "sv", "th", "tr"
]  # fmt: skip


class LocaleQuery(msgspec.Struct, kw_only=True):
    """What the clients may send with a retrieval; texts have one language, so it changes nothing."""

    locale: str | None = None


class Address(msgspec.Struct, kw_only=True):
    """A postal address; country is ISO 3166-1 alpha-2."""

    country: Country | None = None
    street: ShortText | None = None
    city: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    state: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    zipcode: Annotated[str, msgspec.Meta(max_length=20)] | None = None


def address_fields(address: Address) -> dict[str, str]:
    """Give the columns of an address; what is not known is ''."""
    return {name: getattr(address, name) or "" for name in address.__struct_fields__}


def address_of(row: Any) -> Address:
    """Read the address columns of a row; '' becomes null."""
    return Address(**{name: getattr(row, name) or None for name in Address.__struct_fields__})


def given(shape: msgspec.Struct, *names: str) -> dict[str, Any]:
    """Pick the named fields that the caller sent and that are not null."""
    return {name: getattr(shape, name) for name in names if getattr(shape, name) not in (None, msgspec.UNSET)}


def sent(shape: msgspec.Struct, *names: str) -> dict[str, Any]:
    """Pick the named fields that the caller sent, null included."""
    return {name: getattr(shape, name) for name in names if getattr(shape, name) is not msgspec.UNSET}


def email(text: str, *, field: str = "email") -> str:
    """Return an e-mail address as it is. Raises Refused."""
    try:
        validate_email(text)
    except ValidationError as error:
        raise invalid(field, "must be an e-mail address") from error
    return text


def currency(code: str, *, field: str = "currency") -> str:
    """Return an ISO 4217 code as it is. Raises Refused."""
    if code not in CURRENCIES:
        raise invalid(field, "must be an ISO 4217 currency code, such as USD")
    return code


def utc(instant: datetime) -> datetime:
    """Read a time without a zone as UTC, any other in UTC. Raises Refused at the ends of the calendar."""
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError as error:
        raise Refused("INVALID_FIELD", f"{instant.isoformat()} lies outside the calendar in UTC.") from error


def fraction(text: str, *, field: str) -> Decimal:
    """Read a rate between 0 and 1 with at most 6 decimals. Raises Refused."""
    rate = Decimal(text)
    if not 0 <= rate <= 1 or rate != round(rate, 6):
        raise invalid(field, "must lie between 0 and 1, with at most 6 decimals")
    return rate


def decimal(text: str, *, field: str) -> Decimal:
    """Read a plain decimal. Raises Refused."""
    if not re.fullmatch(DECIMAL, text, re.ASCII):
        raise invalid(field, "must be a plain decimal, such as 12.5")
    return Decimal(text)
