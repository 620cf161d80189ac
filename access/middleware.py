"""Refuse what the rules do not allow, and let history know who changes something."""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django_htmx.http import HttpResponseClientRedirect

from access.actors import Actor
from access.history import acting
from access.models import User
from access.people import STRANGER, roles_of
from access.rules import audience
from core.deployment import ClusterChanged, ZoneChanged

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]


class RuleMiddleware:
    """Hold every request against access.rules: a stranger is sent to the login, anybody else refused with 403.

    What only some may see is kept by no cache, so that the back button shows nothing after signing out.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if getattr(request, "is_for_some", False):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        allowed = audience(_view_name(request), request.method or "")
        if allowed >= STRANGER:
            return None
        request.is_for_some = True  # type: ignore[attr-defined]
        roles = roles_of(request.user)
        if not allowed.isdisjoint(roles):
            return None
        if roles == STRANGER:
            return _login(request)
        raise PermissionDenied


def _view_name(request: HttpRequest) -> str:
    return request.resolver_match.view_name if request.resolver_match else ""


def _login(request: HttpRequest) -> HttpResponse:
    """Send to the login and back here afterwards; a part of a page (htmx) takes its whole page along."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(resolve_url(settings.LOGIN_URL))
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")


class TextMiddleware:
    """Refuse a page's query or form that holds a NUL character: PostgreSQL neither stores nor compares one. The API does so itself."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if request.path_info.startswith("/api/"):
            return
        for given in (request.GET, request.POST):
            if any("\0" in text for _name, texts in given.lists() for text in texts):
                raise BadRequest("The request holds a NUL character.")


class DeploymentMiddleware:
    """Say on a page why this process may not work on its database: 503 with the sentence, which is no failure. The API does so itself."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, ClusterChanged | ZoneChanged):
            return None
        log.error("%s: %s", exception.code, exception.message)
        return render(request, "503.html", {"sentence": exception.message}, status=503)


class ActorMiddleware:
    """Name the signed-in user as the actor of every change that the request makes."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        with acting(actor_of(request)):
            return self.get_response(request)


def actor_of(request: HttpRequest) -> Actor:
    """Give the signed-in user of a request as an actor."""
    assert isinstance(request.user, User)  # noqa: S101 -- the rules let nobody else in
    return Actor("user", request.user.public_id)
