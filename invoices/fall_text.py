"""Write the waterfall of a line as the JSON that it is stored as: the steps between quantity and amount. PURE.

Decimals as plain strings, amounts as integers, times as ISO 8601; what there is none of is left out, for PostgreSQL reads and keeps
each key again for every line. It is put together as text: building dictionaries for each of hundreds of thousands of lines, for an
encoder to read, cost as much as computing the figures. Nothing in it needs an escape.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Any

from core import exact_json
from core.money import WHOLE, plain
from core.periods import Period
from credits.burndown import Draw
from invoices.charge import Waterfall
from products.pricing import PricedPart


def waterfall_text(fall: Waterfall) -> str:
    """Write it as JSON."""
    charge = fall.charge
    phases = "null" if fall.phases is None else f"[{','.join([_counted(one.period, one.quantity) for one in fall.phases])}]"
    draws = ",".join([_draw(one) for one in fall.draws]) if fall.draws else ""
    proration = "1" if fall.proration is WHOLE else str(fall.proration)
    earlier = f',"earlier":{_counted(fall.earlier.period, fall.earlier.quantity)}' if fall.earlier else ""
    paused = f',"paused_event_count":{fall.paused_event_count}' if fall.paused_event_count else ""
    return (
        f'{{"phases":{phases},"draws":[{draws}],"parts":[{",".join([_part(one) for one in charge.parts])}],'
        f'"rounded_amount":{charge.rounded_amount},"rounding_difference":"{plain(charge.rounding_difference)}",'
        f'"proration":"{proration}"{_amount("maximum", charge.maximum_amount)}{_amount("minimum", charge.minimum_amount)}'
        f"{earlier}{paused}}}"
    )


def waterfall_json(fall: Waterfall) -> dict[str, Any]:
    """Give what `waterfall_text` writes, to be stored with more."""
    written: dict[str, Any] = exact_json.loads(waterfall_text(fall))
    return written


def _counted(period: Period, quantity: Decimal) -> str:
    return f'{{{_span(period)},"quantity":"{plain(quantity)}"}}'


def _draw(draw: Draw) -> str:
    return f'{{{_span(draw.usage_period)},"grant_period_id":{draw.grant_period_id},"quantity":"{plain(draw.amount)}"}}'


def _part(part: PricedPart) -> str:
    packages = "" if part.packages is None else f'"packages":{part.packages},'
    return (
        f'{{"quantity":"{plain(part.quantity)}","unit_price":"{plain(part.unit_price)}","flat_amount":{part.flat_amount},'
        f'{packages}"amount":"{plain(part.amount)}"}}'
    )


def _amount(name: str, amount: int | None) -> str:
    return "" if amount is None else f',"{name}_amount":{amount}'


@lru_cache(maxsize=4096)
def _span(period: Period) -> str:
    """Write a period, which most lines of a billing run share with many others."""
    return f'"start":"{period.start.isoformat()}","end":"{period.end.isoformat()}"'
