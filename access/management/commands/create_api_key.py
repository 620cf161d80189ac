"""Print a new API key: manage.py create_api_key --name N --scope write."""

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from access import keys
from access.actors import COMMAND
from access.models import Scope
from core.commands import DomainCommand


class Command(DomainCommand):
    help = "Make an API key and print its secret, which cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="What the key is for.")
        parser.add_argument("--scope", choices=Scope.values, required=True, help="write covers read and ingest.")

    def handle(self, *, name: str, scope: str, **_options: Any) -> None:
        _key, secret = keys.create(name=name, scope=scope, actor=COMMAND, now=timezone.now())
        self.stdout.write(secret)
