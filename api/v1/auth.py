"""Admit requests by API key: `Authorization: Bearer KEY`, and the key's scope covers what the method does."""

from typing import Any, cast

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from access import keys
from access.actors import Actor
from access.models import ApiKey
from api.v1.errors import MESSAGE_BY_STATUS, Refused


class BearerKey(BaseAuthentication):
    """Find the API key of a request; without a valid one the answer is 401, whatever the address."""

    def authenticate(self, request: Request) -> tuple[ApiKey, str]:
        secret = bearer_secret(request)
        key = keys.authenticate(secret, now=timezone.now()) if secret else None
        if key is None:
            raise Refused(*MESSAGE_BY_STATUS[401])
        return key, secret

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class Scope(BasePermission):
    """Ask the view which scope its method needs (`scopes`), and the key whether it has it."""

    def has_permission(self, request: Request, view: Any) -> bool:
        needed, has = view.scope_for(request.method), key_of(request).scope
        if needed and not keys.allows(has, needed):
            raise Refused("SCOPE_MISSING", f"This needs an API key of scope {needed}; yours has scope {has}.")
        return True


def bearer_secret(request: HttpRequest | Request) -> str:
    """Return the secret of the Authorization header, or "" when there is none that could be one."""
    scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def key_of(request: Request) -> ApiKey:
    """Return the key that the request was admitted by."""
    return cast(ApiKey, request.user)


def actor(request: Request) -> Actor:
    """Name the key of the request as the one who acts."""
    return Actor(kind="api_key", id=key_of(request).public_id)
