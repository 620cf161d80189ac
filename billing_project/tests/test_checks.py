"""A misconfigured deployment does not start, and says what to do."""

from importlib import import_module
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from billing_project import checks
from core.models import Deployment
from invoices import accounts
from invoices.models import LineKind


def ids(found: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in found]


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        (["localhost", "127.0.0.1", "[::1]", "192.168.1.20", "box.local", "web"], []),
        (["billing.acme.com"], ["tallybook.E001"]),
        (["203.0.113.9.example.com"], ["tallybook.E001"]),
        (["8.8.8.8"], ["tallybook.E001"]),
        (["*"], ["tallybook.E001"]),
    ],
)
def test_development_stays_off_public_hosts(settings: Any, hosts: list[str], told: list[str]) -> None:
    settings.DEVELOPMENT, settings.ALLOWED_HOSTS = True, hosts
    assert ids(checks.development_is_private()) == told

    settings.DEVELOPMENT = False
    assert checks.development_is_private() == []


@pytest.mark.parametrize("key", ["short", "a" * 60, "django-insecure-" + "0123456789abcdef" * 4])
def test_a_weak_key_is_refused_with_a_way_to_make_one(settings: Any, key: str) -> None:
    settings.SECRET_KEY = key

    (found,) = checks.secret_key_is_strong()

    assert found.id == "tallybook.E002"
    assert "secrets.token_urlsafe(50)" in (found.hint or "")


def test_an_unknown_zone_is_refused(settings: Any) -> None:
    settings.BILLING_TIME_ZONE = "Europe/Atlantis"

    assert ids(checks.billing_zone_is_known()) == ["tallybook.E003"]


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("receivables", "'receivables', which is not written as account=name"),
        ("tax= ", "'tax= ', which is not written as account=name"),
        (
            "revenue.usages=8400",
            "'revenue.usages', which is no account; there are receivables, wallet, credits, tax, credit_notes, reven",
        ),
        ("tax=1777", "'tax' twice"),
    ],
)
def test_names_for_accounts_that_no_journal_has_are_refused(settings: Any, entry: str, sentence: str) -> None:
    settings.JOURNAL_ACCOUNTS = ["tax=1776", "revenue.usage=a=b"]
    assert checks.accounts_are_known() == []
    settings.JOURNAL_ACCOUNTS += [entry]

    (found,) = checks.accounts_are_known()

    assert found.id == "tallybook.E007"
    assert sentence in found.msg


def test_every_kind_of_line_has_an_account() -> None:
    assert [one for one in accounts.ACCOUNTS if one.startswith("revenue.")] == [f"revenue.{kind}" for kind in LineKind.values]


@pytest.mark.django_db
def test_another_zone_than_the_stored_one_is_refused_naming_both_and_the_command() -> None:
    assert checks.billing_zone_stands() == []
    Deployment.objects.update(billing_time_zone="Europe/Berlin")

    (found,) = checks.billing_zone_stands()

    assert found.id == "tallybook.E004"
    assert found.msg == (
        "BILLING_TIME_ZONE is UTC, but the days of this database are those of Europe/Berlin. "
        "Start every process with Europe/Berlin, or run manage.py change_billing_zone UTC."
    )


@pytest.mark.django_db
def test_every_command_refuses_to_start_misconfigured(settings: Any) -> None:
    settings.SECRET_KEY = "short"

    with pytest.raises(SystemCheckError, match=r"tallybook\.E002"):
        call_command("create_api_key", "--name", "n", "--scope", "read", skip_checks=False)


@pytest.mark.django_db
def test_the_web_process_refuses_to_start_misconfigured(settings: Any) -> None:
    settings.SECRET_KEY = "short"

    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is weak"):
        checks.refuse_misconfiguration()


@pytest.mark.django_db
def test_a_plain_wsgi_process_refuses_to_start_misconfigured(settings: Any) -> None:
    settings.SECRET_KEY = "short"

    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is weak"):
        import_module("billing_project.wsgi")
