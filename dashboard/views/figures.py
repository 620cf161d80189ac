"""Answer the data of a chart in the colours of the theme that asks for it."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django_htmx.middleware import HtmxDetails

from dashboard.charts import to_json
from dashboard.palette import LIGHT, THEMES, Palette


class HtmxHttpRequest(HttpRequest):
    """A request as django_htmx's middleware leaves it: true `htmx` where a part of a page asks for itself."""

    htmx: HtmxDetails


def palette_of(request: HttpRequest) -> Palette:
    return THEMES.get(request.GET.get("theme", ""), LIGHT)


def figure_response(figure: Mapping[str, Any]) -> HttpResponse:
    return HttpResponse(to_json(figure), content_type="application/json", headers={"Cache-Control": "no-store"})
