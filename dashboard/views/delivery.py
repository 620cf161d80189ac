"""Show what each key delivers by the hour, and which key has gone silent."""

from collections.abc import Iterable, Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from access.models import ApiKey
from core.sheets import Cell, blocks, csv_lines
from dashboard import charts
from dashboard.reading import delivery
from dashboard.views.figures import figure_response, palette_of
from events import deliveries

COLUMNS = (
    "api_key_id", "api_key", "hour", "accepted", "duplicate", "conflict", "refused", "refused_by_code", "success_rate", "latest_success_at",
)  # fmt: skip


def _span(request: HttpRequest) -> delivery.Span:
    return delivery.span(request.GET.get("span", ""), now=timezone.now())


def _choices() -> list[tuple[str, str]]:
    return [(key, _(label)) for key, (_length, label) in delivery.SPANS.items()]


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    chosen = _span(request)
    rows = delivery.by_key(chosen, now=timezone.now())
    notices = [delivery.silence_words(row.key, row.silence) for row in rows if row.silence]
    context = {"span": chosen, "spans": _choices(), "rows": rows, "notices": notices}
    return render(request, "dashboard/delivery/list.html", context)


@require_safe
def detail(request: HttpRequest, public_id: str) -> HttpResponse:
    key, chosen = get_object_or_404(ApiKey, public_id=public_id), _span(request)
    silent = {one.pk: silence for one, silence in deliveries.silent_keys(now=timezone.now())}
    rows = delivery.of_key(key, chosen)
    context = {
        "key": key,
        "span": chosen,
        "spans": _choices(),
        "rows": rows[::-1],
        "notice": delivery.silence_words(key, silent[key.pk]) if key.pk in silent else "",
    }
    return render(request, "dashboard/delivery/key.html", context)


@require_safe
def figure(request: HttpRequest, public_id: str) -> HttpResponse:
    key, chosen = get_object_or_404(ApiKey, public_id=public_id), _span(request)
    series = delivery.chart(delivery.of_key(key, chosen))
    drawn = charts.usage(series=series, window=chosen.window, unit=_("events"), palette=palette_of(request), stacked=True)
    return figure_response(drawn)


@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """Write the hours of the span as CSV, of all keys or of one, however many there are."""
    chosen = _span(request)
    key = get_object_or_404(ApiKey, public_id=request.GET["key"]) if request.GET.get("key") else None
    found = deliveries.each_hour(start=chosen.period.start, end=chosen.period.end, key_id=key.pk if key else None)
    headers = {"Content-Disposition": 'attachment; filename="event-delivery.csv"'}
    lines = blocks(csv_lines(header=COLUMNS, rows=_lines(found)))
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)


def _lines(found: Iterable[tuple[deliveries.Place, deliveries.Delivered]]) -> Iterator[tuple[Cell, ...]]:
    keys: dict[int, ApiKey] = {}
    for (key_id, hour), one in found:
        if key_id not in keys:  # the first, or one that was made since
            keys = ApiKey.objects.in_bulk()
        by_code = " ".join(f"{code}:{number}" for code, number in sorted(one.refused.items()))
        yield (
            keys[key_id].public_id, keys[key_id].name, hour, one.accepted, one.duplicate, one.conflict, one.refused_count, by_code,
            one.success_rate, one.latest_success_at,
        )  # fmt: skip
