"""Make the back office: unfold's admin, entered through the product's own login and governed by its rules."""

from typing import Any

from csp.constants import UNSAFE_EVAL
from csp.decorators import csp_update
from django.contrib.admin import site
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from access import people

# unfold is written with Alpine, which makes functions of the expressions in its templates (docs/decisions/0010-csp-in-admin.md).
ALPINE = {"script-src": [UNSAFE_EVAL]}


class TallybookAdminSite(UnfoldAdminSite):
    """Whoever may open its index by the rules is let in; is_staff means nothing here."""

    final_catch_all_view = False
    site_title = site_header = index_title = "Tallybook"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return csp_update(ALPINE)(super().admin_view(view, cacheable))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out unfold's colours, an inline style; static/css/backoffice.css has them."""
        return super().each_context(request) | {"colors": None}

    def has_permission(self, request: HttpRequest) -> bool:
        return people.may(request.user, "admin:index")

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [_named(url) for url in super().get_urls()]

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("login")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return LogoutView.as_view()(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("password_change")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Give unfold's sidebar: the models that the user may view, grouped by app, in the order of the flow of data."""
    apps = sorted(site.get_app_list(request), key=lambda app: _ORDER.get(app["app_label"], len(_ORDER)))
    return [{"title": app["name"], "collapsible": True, "items": [_link(model) for model in app["models"]]} for app in apps]


_FLOW = ("customers", "events", "meters", "products", "credits", "invoices", "webhooks", "jobs", "access", "core")
_ORDER = {label: place for place, label in enumerate(_FLOW)}


def _link(model: dict[str, Any]) -> dict[str, Any]:
    tracked = getattr(model["model"], "pgh_tracked_model", None)
    title = _("History of %(name)s") % {"name": tracked._meta.verbose_name_plural} if tracked else model["name"]
    return {"title": title, "link": model["admin_url"]}


def _named(url: URLPattern | URLResolver) -> URLPattern | URLResolver:
    """Drop the old addresses without a name (<id>/ redirects): what has no name can have no rule."""
    if isinstance(url, URLResolver):
        url.url_patterns[:] = [inner for inner in url.url_patterns if getattr(inner, "name", None)]
    return url
