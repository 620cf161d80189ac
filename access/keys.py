"""Make, revoke and recognise API keys: the secret is shown once, only its SHA-256 is kept."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from psycopg import Connection

from access.actors import Actor
from access.history import acting
from access.models import LONGEST_NAME, ApiKey, Scope
from core import expiring
from core.errors import DomainError
from core.text import refuse_blank

PREFIX = "tb_"
HINT_LENGTH = 10  # of the secret's characters: enough to tell keys apart, too few to guess the rest
TOPIC = "api_key"

_COVERED: Mapping[str, Collection[str]] = {
    Scope.INGEST: {Scope.INGEST},
    Scope.READ: {Scope.READ},
    Scope.WRITE: {Scope.INGEST, Scope.READ, Scope.WRITE},
}
known: expiring.Expiring[bytes, ApiKey] = expiring.Expiring(TOPIC)


class NameTooLong(DomainError):
    code = "NAME_TOO_LONG"


class ScopeUnknown(DomainError):
    code = "SCOPE_UNKNOWN"


class KeyAlreadyRevoked(DomainError):
    code = "KEY_ALREADY_REVOKED"


def create(*, name: str, scope: str, actor: Actor, now: datetime) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which cannot be had again. Raises ScopeUnknown, NameBlank, NameTooLong."""
    refuse_blank(name)
    if len(name) > LONGEST_NAME:
        raise NameTooLong(f"name has {len(name)} characters: {LONGEST_NAME} are the most.", field="name")
    if scope not in Scope.values:
        raise ScopeUnknown(f"The scope {scope!r} is unknown. Choose one of {', '.join(Scope.values)}.", field="scope")
    secret = PREFIX + secrets.token_urlsafe(32)
    with acting(actor), transaction.atomic():
        key = ApiKey.objects.create(
            name=name,
            scope=scope,
            secret_hash=hash_secret(secret),
            secret_hint=secret[:HINT_LENGTH],
            created_at=now,
            created_by=str(actor),
        )
    return key, secret


@transaction.atomic
def revoke(*, key: ApiKey, now: datetime) -> None:
    """End a key for ever; every process refuses it at once, at the latest after five seconds. Raises KeyAlreadyRevoked."""
    if not ApiKey.objects.filter(id=key.id, revoked_at=None).update(revoked_at=now):
        raise KeyAlreadyRevoked("This key is revoked already.")
    key.revoked_at = now
    expiring.announce(TOPIC)


def hash_secret(secret: str) -> bytes:
    """Return the SHA-256 under which a secret is kept; with 256 random bits in it, a slow hash would add nothing."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


def authenticate(secret: str, *, now: datetime) -> ApiKey | None:
    """Return the key of a secret, or None when there is none or it is revoked; remembered for a few seconds."""
    digest = hash_secret(secret)
    key = known.get(digest)
    if key is None:
        asked_at = time.monotonic()
        key = ApiKey.objects.filter(secret_hash=digest, revoked_at=None).first()
        if key is None or not hmac.compare_digest(bytes(key.secret_hash), digest):
            return None
        known.put(digest, key, asked_at=asked_at)
    return key


def remembered(digest: bytes) -> ApiKey | None:
    """Return the key of a secret's hash if this process knows it without asking the database."""
    return known.get(digest)


def read(digests: list[bytes], *, connection: Connection[Any]) -> dict[bytes, ApiKey]:
    """Read the valid keys of some hashes in one statement, past Django's connections."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM access_apikey WHERE secret_hash = ANY(%s) AND revoked_at IS NULL", [digests])
        names = [column.name for column in cursor.description or ()]
        found = [ApiKey.from_db("default", names, row) for row in cursor]
    return {bytes(key.secret_hash): key for key in found}


def allows(scope: str, needed: str) -> bool:
    """Tell whether a key of `scope` may do what needs `needed`; write covers read and ingest."""
    return needed in _COVERED[scope]
