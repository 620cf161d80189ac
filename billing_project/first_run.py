"""Make an empty database ready to be used by a person and a program; the second time changes nothing."""

import hashlib
import json
import secrets
from datetime import datetime
from pathlib import Path

from django.contrib.auth.models import Group
from django.contrib.staticfiles.finders import get_finders
from django.db import transaction

from access import keys
from access.actors import COMMAND
from access.history import acting
from access.models import Scope, User
from launch.files import write_private

USERNAME = "operator"
ROLE = "owner"


def create_operator(*, credentials: Path, url: str, now: datetime) -> bool:
    """Create the first person and an API key of scope write, and write both to `credentials` (mode 0600).

    Returns False, and changes nothing but the address in the file, where there are people already.
    """
    with acting(COMMAND), transaction.atomic():
        if User.objects.exists():
            _note_address(credentials, url, now)
            return False
        password = secrets.token_urlsafe(16)
        person = User.objects.create_superuser(USERNAME, password=password)
        person.groups.add(Group.objects.get(name=ROLE))
        _key, secret = keys.create(name="First key", scope=Scope.WRITE, actor=COMMAND, now=now)
        # Before the commit: a kill in between leaves a file without a person, which the next run mends; never the other way round.
        _write(credentials, {"url": url, "username": USERNAME, "password": password, "api_key": secret})
    return True


def _note_address(credentials: Path, url: str, now: datetime) -> None:
    if not credentials.exists():
        return
    known = json.loads(credentials.read_text())
    if known["url"] != url and keys.authenticate(known["api_key"], now=now):
        _write(credentials, known | {"url": url})


def _write(credentials: Path, known: dict[str, str]) -> None:
    credentials.parent.mkdir(parents=True, exist_ok=True)
    write_private(credentials, json.dumps(known, indent=2) + "\n")


def static_files_fingerprint() -> str:
    """Return a text that changes when any static file does."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
