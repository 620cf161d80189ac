"""Say which roles a person has."""

from typing import Any

from access.rules import GROUPS, SIGNED_IN, Role
from access.rules import may as roles_may
from access.rules import may_write as roles_may_write

STRANGER = frozenset({Role.STRANGER})
_ROLE_BY_NAME = {role.value: role for role in GROUPS}


def roles_of(user: Any) -> frozenset[Role]:
    """Give the roles of a user (or of AnonymousUser); a superuser is an owner.

    Asks the database once for each user object, so a change of groups holds from the next request on.
    """
    if not user.is_authenticated:
        return STRANGER
    if not hasattr(user, "known_roles"):
        user.known_roles = SIGNED_IN | _groups_of(user)
    return user.known_roles


def _groups_of(user: Any) -> frozenset[Role]:
    if user.is_superuser:
        return frozenset({Role.OWNER})
    names = user.groups.values_list("name", flat=True)
    return frozenset(_ROLE_BY_NAME[name] for name in names if name in _ROLE_BY_NAME)


def may(user: Any, name: str) -> bool:
    """Say whether to show the user a link or button to a URL name."""
    return roles_may(roles_of(user), name)


def may_write(user: Any, name: str) -> bool:
    """Say whether to show the user the form on the page of a URL name."""
    return roles_may_write(roles_of(user), name)
