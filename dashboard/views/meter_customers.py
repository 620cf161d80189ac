"""Show a meter's usage by customer with what it costs: sorted, searched, page by page, and as CSV."""

from collections.abc import Iterator

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.money import to_major
from core.sheets import Cell, csv_lines
from dashboard import wording
from dashboard.reading import meter_customers, meter_usage
from dashboard.views.meter_asked import Asked, asked_of, heading
from meters.models import Meter

ROWS = 50
EXPORTED_AT_ONCE = 500
COLUMNS = (
    "customer_id", "external_id", "customer", "email", "start", "end", "quantity", "unit", "event_count", "latest_event_at",
    "free_quantity", "credited_quantity", "chargeable_quantity", "price", "charge", "currency",
)  # fmt: skip


@require_safe
def listing(request: HttpRequest, public_id: str) -> HttpResponse:
    asked = asked_of(request, public_id)
    if asked.form.refusal:
        return render(request, "dashboard/meters/customers.html", {"tab": "customers", **heading(asked)})
    found = _found(request, asked)
    page = Paginator(found.used, ROWS).get_page(request.GET.get("page"))
    rows = meter_usage.rows(asked.meter, list(page.object_list), asked.chosen, now=asked.now)
    context = {"tab": "customers", **heading(asked), "rows": rows, "numbered": page, "found": found, "sort": found.sort}
    return render(request, "dashboard/meters/customers.html", context)


def _found(request: HttpRequest, asked: Asked) -> meter_customers.Found:
    return meter_customers.find(
        asked.meter,
        asked.chosen,
        search=asked.form.cleaned_data.get("search", "").strip(),
        sort=request.GET.get("sort", ""),
        now=asked.now,
    )


@require_safe
def export(request: HttpRequest, public_id: str) -> StreamingHttpResponse:
    """Write what the tab lists as CSV: the same customers, in the same order, with the same figures."""
    asked = asked_of(request, public_id)
    if asked.form.refusal:
        raise Http404(asked.form.refusal)
    lines = csv_lines(header=COLUMNS, rows=_lines(asked, _found(request, asked)))
    headers = {"Content-Disposition": f'attachment; filename="customers-{asked.meter.public_id}.csv"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _lines(asked: Asked, found: meter_customers.Found) -> Iterator[tuple[Cell, ...]]:
    for start in range(0, len(found.used), EXPORTED_AT_ONCE):
        part = found.used[start : start + EXPORTED_AT_ONCE]
        for row in meter_usage.rows(asked.meter, part, asked.chosen, now=asked.now):
            yield _line(asked.meter, row)


def _line(meter: Meter, row: meter_usage.Row) -> tuple[Cell, ...]:
    who, used, charged = row.customer, row.used, row.charged
    priced = charged.terms
    currency = priced.terms.currency if priced else None
    return (
        who.public_id, who.external_id, who.name, who.email, used.period.start, used.period.end, used.quantity, meter.measurement_unit,
        used.event_count, used.latest_at, charged.free, charged.credited, charged.chargeable,
        wording.terms(priced, meter.measurement_unit) if priced else None,
        to_major(charged.amount, currency) if currency and charged.amount is not None else None, currency,
    )  # fmt: skip
