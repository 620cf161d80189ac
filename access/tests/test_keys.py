import hashlib
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from access import keys
from access.actors import COMMAND
from access.models import ApiKey
from core import database, expiring

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget():
    expiring.forget()
    yield
    expiring.forget()


def create(scope="write"):
    return keys.create(name="server", scope=scope, actor=COMMAND, now=timezone.now())


def test_only_the_hash_of_a_secret_is_kept():
    key, secret = create()

    stored = ApiKey.objects.values().get(id=key.id)
    assert secret.startswith("tb_")
    assert len(secret) == 46
    assert bytes(stored["secret_hash"]) == hashlib.sha256(secret.encode()).digest()
    assert secret not in str(stored)


@pytest.mark.parametrize("name", ["", "  ", "\u200b"])
def test_a_key_needs_a_name_that_is_seen(name):
    with pytest.raises(CommandError, match="name is blank"):
        call_command("create_api_key", "--name", name, "--scope", "read")
    assert not ApiKey.objects.exists()


def test_a_key_is_known_by_its_secret_alone():
    key, secret = create()

    assert keys.authenticate(secret, now=timezone.now()) == key
    assert keys.authenticate(secret + "x", now=timezone.now()) is None
    assert keys.authenticate("tb_\udcff", now=timezone.now()) is None


def test_a_known_key_costs_no_query(django_assert_num_queries):
    _, secret = create()
    keys.authenticate(secret, now=timezone.now())

    with django_assert_num_queries(0):
        assert keys.authenticate(secret, now=timezone.now())
        assert keys.remembered(keys.hash_secret(secret))


def test_a_revoked_key_is_refused_at_once():
    key, secret = create()
    keys.authenticate(secret, now=timezone.now())

    keys.revoke(key=key, now=timezone.now())

    assert keys.remembered(keys.hash_secret(secret)) is None
    assert keys.authenticate(secret, now=timezone.now()) is None
    assert keys.read([keys.hash_secret(secret)], connection=database.of_django()) == {}
    with pytest.raises(keys.KeyAlreadyRevoked):
        keys.revoke(key=key, now=timezone.now())


def test_write_covers_read_and_ingest_and_nothing_else_covers_another():
    scopes = ("ingest", "read", "write")
    table = {scope: [needed for needed in scopes if keys.allows(scope, needed)] for scope in scopes}

    assert table == {"ingest": ["ingest"], "read": ["read"], "write": ["ingest", "read", "write"]}


def test_an_unknown_scope_is_refused():
    with pytest.raises(keys.ScopeUnknown, match="Choose one of ingest, read, write"):
        create(scope="admin")


def test_the_command_prints_one_secret():
    printed = StringIO()

    call_command("create_api_key", name="n", scope="ingest", stdout=printed)

    [secret] = printed.getvalue().split()
    assert keys.authenticate(secret, now=timezone.now()).scope == "ingest"


def test_the_command_refuses_a_name_that_no_column_holds():
    with pytest.raises(CommandError, match="name has 101 characters: 100 are the most"):
        call_command("create_api_key", "--name", "n" * 101, "--scope", "read")
