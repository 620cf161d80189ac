"""Let people in and say what for; there is always an owner."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction

from access.actors import Actor
from access.history import acting
from access.models import User
from access.rules import Role
from core.errors import DomainError

CHANGEABLE = frozenset({"username", "first_name", "last_name", "email", "is_active"})


class NoOwnerLeft(DomainError):
    """Without an owner nobody could let anybody in any more."""

    code = "NO_OWNER_LEFT"


def create(*, fields: Mapping[str, Any], roles: Sequence[str], password: str, actor: Actor) -> User:
    """Let a person in with these roles (owner, operator, finance, viewer); fields are of CHANGEABLE, username at least."""
    with acting(actor), transaction.atomic():
        user = User(**_checked(fields))
        user.set_password(password)
        user.save()
        _give(user, roles)
        return user


def update(*, user: User, fields: Mapping[str, Any], roles: Sequence[str] | None = None, actor: Actor) -> User:
    """Change a person's fields and, where given, roles. Raises NoOwnerLeft."""
    with acting(actor), transaction.atomic():
        # Two owners who strike each other off at once wait for each other here, so that one of them stays.
        Group.objects.select_for_update().get(name=Role.OWNER)
        for name, content in _checked(fields).items():
            setattr(user, name, content)
        if fields:
            user.save(update_fields=list(fields))
        if roles is not None:
            _give(user, roles)
        if not _owners().exists():
            raise NoOwnerLeft("There must be an owner: make another person one first.", field="groups")
        return user


def _checked(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = fields.keys() - CHANGEABLE
    if unknown:
        raise TypeError(f"not a person's to change: {sorted(unknown)}")
    return fields


def _give(user: User, roles: Sequence[str]) -> None:
    user.groups.set(Group.objects.filter(name__in=roles))


def _owners() -> Any:
    active = User.objects.filter(is_active=True)
    return active.filter(groups__name=Role.OWNER) | active.filter(is_superuser=True)
