"""People sign in, are locked out when they guess, change their password and sign out."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from access import tasks
from access.models import User

PASSWORD = "correct horse 12"

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    user = User.objects.create_user("ada", password=PASSWORD)
    user.groups.add(Group.objects.get(name="viewer"))
    return user


def sign_in(client: Client, password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/login", {"username": "ada", "password": password, **more})


@pytest.mark.usefixtures("person")
def test_the_right_password_leads_to_where_one_wanted(client: Client) -> None:
    assert sign_in(client, next="/admin/").headers["Location"] == "/admin/"
    assert sign_in(client).headers["Location"] == "/"


@pytest.mark.usefixtures("person")
def test_another_site_is_never_where_one_wanted(client: Client) -> None:
    assert sign_in(client, next="https://evil.example/").headers["Location"] == "/"


@pytest.mark.usefixtures("person")
def test_a_wrong_password_says_so_and_not_which_half_was_wrong(client: Client) -> None:
    known = sign_in(client, "wrong").content.decode()
    unknown = client.post("/login", {"username": "nobody", "password": "wrong"}).content.decode()

    for page in (known, unknown):
        assert "Please enter a correct username and password." in page


@pytest.mark.usefixtures("person")
def test_ten_wrong_passwords_close_the_door_with_a_page_that_says_so(client: Client) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        refused = sign_in(client, "wrong")

    assert refused.status_code == 429
    assert "Too many attempts" in refused.content.decode()
    assert sign_in(client).status_code == 429
    assert not client.session.get("_auth_user_id")


@pytest.mark.usefixtures("person")
def test_the_door_is_closed_to_the_guesser_only(client: Client) -> None:
    for _ in range(settings.AXES_FAILURE_LIMIT):
        sign_in(client, "wrong")

    elsewhere = Client(REMOTE_ADDR="192.0.2.7")

    assert sign_in(elsewhere).status_code == 302


def test_signing_out_takes_a_form(client: Client, person: User) -> None:
    client.force_login(person)

    assert client.get("/logout").status_code == 403
    assert client.session.get("_auth_user_id")
    assert client.post("/logout").headers["Location"] == "/login"
    assert not client.session.get("_auth_user_id")


def test_who_is_signed_in_is_not_asked_again(client: Client, person: User) -> None:
    client.force_login(person)

    assert client.get("/login").headers["Location"] == "/"


def test_a_new_password_counts_and_ends_other_sessions(client: Client, person: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(person)
    client.force_login(person)

    changed = client.post(
        "/password",
        {"old_password": PASSWORD, "new_password1": "another horse 34", "new_password2": "another horse 34"},
        follow=True,
    )

    assert "Password changed" in changed.content.decode()
    person.refresh_from_db()
    assert person.check_password("another horse 34")
    assert client.get("/password").status_code == 200
    assert elsewhere.get("/password").headers["Location"] == "/login?next=/password"


def test_a_weak_password_is_refused_with_the_reason(client: Client, person: User) -> None:
    client.force_login(person)

    refused = client.post("/password", {"old_password": PASSWORD, "new_password1": "short", "new_password2": "short"})

    assert "at least 12 characters" in refused.content.decode()


@pytest.mark.usefixtures("person")
@pytest.mark.parametrize("path", ["/login", "/logout", "/password", "/admin/customers/customer/add/"])
def test_no_form_is_taken_without_its_token(path: str, person: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)

    assert client.post(path, {"username": "ada", "password": PASSWORD}).status_code == 403


@pytest.mark.usefixtures("person")
def test_cookies_and_headers_keep_a_session_where_it_belongs(client: Client) -> None:
    response = sign_in(client)

    session = response.cookies[settings.SESSION_COOKIE_NAME]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "no-store" in response.headers["Cache-Control"]


def test_what_only_some_may_see_is_kept_by_no_cache(client: Client, person: User) -> None:
    client.force_login(person)

    assert client.get("/password").headers["Cache-Control"] == "private, no-store"


def test_sessions_that_ended_are_cleared_away(client: Client, person: User) -> None:
    client.force_login(person)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    client.force_login(person)
    assert Session.objects.count() == 2

    tasks.clear_sessions()

    assert Session.objects.count() == 1
