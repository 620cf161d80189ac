"""Say who did something in words that people know: history holds kinds and ids only."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from access.models import ApiKey, User


def names(actors: Iterable[str]) -> Mapping[str, str]:
    """Name actors written as kind:id; somebody who is unknown by now keeps the id. At most two queries."""
    wanted = {actor: actor.partition(":")[::2] for actor in actors}
    users = _found(User, "username", {who for kind, who in wanted.values() if kind == "user"})
    keys = _found(ApiKey, "name", {who for kind, who in wanted.values() if kind == "api_key"})
    return {actor: _name(kind, who, users, keys) for actor, (kind, who) in wanted.items()}


def _found(model: type[User] | type[ApiKey], column: str, ids: set[str]) -> dict[str, str]:
    return dict(model.objects.filter(public_id__in=ids).values_list("public_id", column)) if ids else {}


def _name(kind: str, who: str, users: Mapping[str, str], keys: Mapping[str, str]) -> str:
    if kind == "user":
        return users.get(who, who)
    if kind == "api_key":
        return _("key %(name)s") % {"name": keys.get(who, who)}
    return _("the system (%(part)s)") % {"part": who}
