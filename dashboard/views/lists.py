"""Show a filtered list, one page by key, the same way everywhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.forms import BoundField
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django_filters import FilterSet

from dashboard.paging import page


def opened(given: QueryDict) -> QueryDict:
    """Begin a list whose rows are settled one by one with the open ones, unless another state is asked for."""
    asked = given.copy()
    asked.setdefault("status", "open")
    return asked


@dataclass(frozen=True)
class FilterBar:
    """What the bar above a list holds.

    fields: the controls.  kept: (name, text) of filters that came with the link and have no control; they stay as they are.
    """

    fields: Sequence[BoundField]
    kept: Sequence[tuple[str, str]]
    is_used: bool


def filter_bar(request: HttpRequest, filterset: FilterSet, *, controls: Sequence[str]) -> FilterBar:
    """Offer some filters of a set as controls and keep the others that the address names."""
    used = {name: request.GET[name] for name in filterset.filters if request.GET.get(name)}
    return FilterBar(
        fields=[filterset.form[name] for name in controls],
        kept=[(name, text) for name, text in used.items() if name not in controls],
        is_used=bool(used),
    )


def render_list(
    request: HttpRequest,
    template: str,
    filterset: FilterSet,
    *,
    controls: Sequence[str],
    order: Sequence[str] = ("-id",),
    describe: Callable[[Sequence[Any]], Sequence[Any]] | None = None,
    beside: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Render rows that pass the filter.

    controls: the filters offered on the page.  order: as dashboard.paging.page takes it.
    describe: makes of the page's rows what the template shows as `rows`.  beside: what else the template shows.
    """
    shown = page(filterset.qs, cursor=request.GET.get("cursor"), order=order)
    rows = describe(shown.items) if describe else shown.items
    bar = filter_bar(request, filterset, controls=controls)
    return render(request, template, {**(beside or {}), "filter_bar": bar, "page": shown, "rows": rows})
