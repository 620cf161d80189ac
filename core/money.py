"""Do arithmetic with money and quantities exactly, or raise; never round unasked. PURE.

Amounts are integers in minor units (cents). Quantities and unit prices are Decimals. A quotient is a Fraction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import (
    ROUND_HALF_UP,
    Clamped,
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    Subnormal,
    Underflow,
    getcontext,
    setcontext,
)
from fractions import Fraction
from functools import wraps
from typing import Any, TypeVar

from core.errors import DomainError

Function = TypeVar("Function", bound=Callable[..., Any])

# Python's default context rounds silently at 28 digits. 200 hold any product of three numbers of 38 digits that events may carry,
# summed over any number of events; what would not fit raises instead of losing a digit.
_TRAPS = [Clamped, DivisionByZero, FloatOperation, Inexact, InvalidOperation, Overflow, Rounded, Subnormal, Underflow]
CONTEXT = Context(prec=200, rounding=ROUND_HALF_UP, traps=_TRAPS)

# A part of 1 that is all of it. One object, so that `is` can tell most parts from what has to be computed.
WHOLE = Fraction(1)

# ISO 4217, list one, plus the withdrawn codes of the wire contract (BGN, HRK, SLL) which old invoices may still carry.
_TWO_DECIMALS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR
ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR
MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP
STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"
_EXPONENTS: dict[str, int] = {
    code: decimals
    for decimals, codes in ((0, _NO_DECIMALS), (2, _TWO_DECIMALS), (3, _THREE_DECIMALS), (4, _FOUR_DECIMALS))
    for code in codes.split()
}
CURRENCIES: tuple[str, ...] = tuple(sorted(_EXPONENTS))


class CurrencyUnknown(DomainError):
    """A code is not an ISO 4217 currency in upper case."""

    code = "CURRENCY_UNKNOWN"


class CurrencyMismatch(DomainError):
    """Amounts of two currencies met; they are never added, compared or converted."""

    code = "CURRENCY_MISMATCH"


class _ExactContext(Context):
    """What Decimals are calculated under; by its type nested calls see that it is set already."""


# One for all threads: calculating changes nothing of it but flags, which nobody reads, and making one takes longer than most of what is
# calculated under it.
_EXACT = _ExactContext(prec=CONTEXT.prec, rounding=CONTEXT.rounding, traps=_TRAPS)


class exact:  # noqa: N801 -- read as a word: `with exact():`
    """Run Decimal arithmetic under CONTEXT. Works as `with exact():` and as the decorator `@exact()`.

    The outermost one sets the context, those inside it cost next to nothing: an invoice passes through dozens.
    """

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        before = getcontext()
        self._before = None if type(before) is _ExactContext else before
        if self._before is not None:
            setcontext(_EXACT)

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            setcontext(self._before)

    def __call__(self, function: Function) -> Function:
        @wraps(function)
        def under(*args: Any, **kwargs: Any) -> Any:
            if type(getcontext()) is _ExactContext:
                return function(*args, **kwargs)
            with exact():
                return function(*args, **kwargs)

        return under  # type: ignore[return-value]  # the same function, under another context


def exponent(currency: str) -> int:
    """Give the number of decimals of a currency's minor unit (ISO 4217): USD 2, JPY 0, KWD 3. Raises CurrencyUnknown."""
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise CurrencyUnknown(f"{currency!r} is not an ISO 4217 currency code in upper case.") from None


def round_half_away(number: Decimal | Fraction) -> int:
    """Round to an integer, halves away from zero: 0.5 becomes 1, -0.5 becomes -1."""
    # In this order: asking whether a Decimal is a Fraction, which is an abstract base class's business, takes longer than rounding it.
    if isinstance(number, Decimal):
        return int(number.to_integral_value(ROUND_HALF_UP, CONTEXT))  # by position: names cost as much again
    magnitude = (2 * abs(number.numerator) + number.denominator) // (2 * number.denominator)
    return magnitude if number >= 0 else -magnitude


def ratio(dividend: Decimal | int | Fraction, divisor: Decimal | int | Fraction) -> Fraction:
    """Divide without losing anything. Raises ZeroDivisionError."""
    return Fraction(dividend) / Fraction(divisor)


def approximate(number: Fraction, *, places: int = 18) -> Decimal:
    """Write a Fraction as a Decimal of at most that many decimals, half away from zero: for showing, never to compute on."""
    return Decimal(round_half_away(number * 10**places)).scaleb(-places, context=CONTEXT).normalize(CONTEXT)


def plain(number: Decimal) -> str:
    """Write a Decimal without exponent and without trailing zeros: 1E+3 as "1000", 1.50 as "1.5", -0 as "0"."""
    text = str(number)
    if text.isdigit():
        return text
    if "E" in text:
        text = format(number, "f")
    if "." in text and text[-1] == "0":
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def to_major(amount: int, currency: str) -> Decimal:
    """Turn minor units into major ones: 1999 USD into Decimal("19.99"). Raises CurrencyUnknown."""
    return Decimal(amount).scaleb(-exponent(currency), context=CONTEXT)


def from_major(amount: Decimal, currency: str) -> int:
    """Turn major units into minor ones: Decimal("19.99") USD into 1999.

    Raises CurrencyUnknown, and ValueError on a part of a minor unit.
    """
    minor = amount.scaleb(exponent(currency), context=CONTEXT)
    if minor != minor.to_integral_value(context=CONTEXT):
        raise ValueError(f"{plain(amount)} {currency} is not a whole number of minor units")
    return int(minor)


def largest_remainders(total: int, weights: Sequence[Decimal]) -> tuple[int, ...]:
    """Split an integer in proportion to weights so that the parts add up to it (Hamilton's method).

    total: minor units, of either sign.  weights: none negative; all zero only when total is 0. Of equal remainders the earlier
    part gets the unit. Raises ValueError.
    """
    shares = [Fraction(weight) for weight in weights]
    if any(share < 0 for share in shares) or (total and not sum(shares)):
        raise ValueError("weights must not be negative, and not all zero")
    if not total:
        return (0,) * len(shares)
    quotas = [abs(total) * share / sum(shares) for share in shares]
    parts = [quota.numerator // quota.denominator for quota in quotas]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - quotas[i], i))
    for i in by_remainder[: abs(total) - sum(parts)]:
        parts[i] += 1
    return tuple(parts if total > 0 else [-part for part in parts])


@dataclass(frozen=True)
class Money:
    """An amount of one currency. amount: integer minor units. Raises CurrencyUnknown; arithmetic raises CurrencyMismatch."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if type(self.amount) is not int:
            raise TypeError(f"an amount is an int in minor units, not {self.amount!r}")

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other).amount, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be added.")
        return other
