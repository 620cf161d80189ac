"""Every address, as every role and as a stranger, against a literal table: an address without a line here fails."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from access.models import User
from access.people import roles_of
from access.rules import MODELS, RULES, audience

# Who may GET and who may POST: s stranger, m member without a role, v viewer, f finance, p operator, o owner.
PAGES = """
    healthz                       smvfpo  -
    login                         smvfpo  smvfpo
    logout                        -       smvfpo
    password_change               mvfpo   mvfpo
    password_change_done          mvfpo   -
    admin:index                   vfpo    -
    admin:app_list                vfpo    -
    admin:search                  vfpo    -
    admin:autocomplete            -       -
    admin:jsi18n                  vfpo    -
    admin:login                   smvfpo  -
    admin:logout                  -       smvfpo
    admin:password_change         mvfpo   -
    admin:password_change_done    mvfpo   -
    admin:view_on_site            -       -
    dashboard:home                vfpo    -
    dashboard:home_figure         vfpo    -
    dashboard:meters              vfpo    -
    dashboard:meter               vfpo    -
    dashboard:customers           vfpo    -
    dashboard:customer            vfpo    -
    dashboard:products            vfpo    -
    dashboard:product             vfpo    -
    dashboard:subscriptions       vfpo    -
    dashboard:subscription        vfpo    -
    dashboard:invoices            vfpo    -
    dashboard:invoice             vfpo    -
    dashboard:jobs                vfpo    -
    dashboard:job                 vfpo    -
    dashboard:keys                po      -
    dashboard:key_create          po      po
    dashboard:key_revoke          -       po
"""

# Who may view, add, change and delete in the back office.
MODELS_EXPECTED = """
    axes.accessattempt            o     -     -     o
"""

# The API judges keys, not people (api/tests): these namespaces are open to sessions and strangers alike.
OPEN_NAMESPACES = {"api"}

# What an address needs so as not to refuse for reasons of its own.
QUERIES: dict[str, str] = {}

LETTERS = "smvfpo"
GROUP_OF_LETTER = {"v": "viewer", "f": "finance", "p": "operator", "o": "owner"}


def table(text: str) -> dict[str, tuple[str, ...]]:
    rows = [line.split() for line in text.strip().splitlines()]
    return {name: tuple("" if letters == "-" else letters for letters in rest) for name, *rest in rows}


def expected() -> dict[str, tuple[str, str]]:
    """Expand the table of models to the five addresses that the admin makes for each."""
    lines = {name: (get, post) for name, (get, post) in table(PAGES).items()}
    for label, (view, add, change, delete) in table(MODELS_EXPECTED).items():
        stem = "admin:" + label.replace(".", "_")
        acts = "".join(letter for letter in LETTERS if letter in change + delete)
        lines |= {
            f"{stem}_changelist": (view, acts),
            f"{stem}_add": (add, add),
            f"{stem}_change": (view, change),
            f"{stem}_delete": (delete, delete),
            f"{stem}_history": (view, ""),
        }
    return lines


def addresses(resolver: URLResolver, *, path: str = "/", names: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Walk the URLs: (name with namespaces, path with parameters filled in)."""
    for entry in resolver.url_patterns:
        here = path + sample(entry)
        if isinstance(entry, URLPattern):
            yield ":".join([*names, entry.name or f"unnamed {here}"]), here
        elif entry.namespace not in OPEN_NAMESPACES:
            yield from addresses(entry, path=here, names=(*names, entry.namespace) if entry.namespace else names)


def sample(entry: URLPattern | URLResolver) -> str:
    first_alternative = re.sub(r"\(\?P<\w+>([^|)]*)[^)]*\)", r"\1", str(entry.pattern))
    return re.sub(r"<(\w+:)?\w+>", "1", first_alternative).strip("^$")


def walk() -> dict[str, str]:
    return dict(addresses(get_resolver()))


def person(letter: str) -> User | None:
    if letter == "s":
        return None
    user = User.objects.create_user(f"person-{letter}")
    if letter in GROUP_OF_LETTER:
        user.groups.add(Group.objects.get(name=GROUP_OF_LETTER[letter]))
    return user


def client_of(user: User | None) -> Client:
    client = Client(raise_request_exception=False)
    if user:
        client.force_login(user)
    return client


def opens(client: Client, method: str, path: str) -> bool:
    response = client.generic(method, path)
    refused = response.status_code == 403
    sent_to_login = response.status_code == 302 and response["Location"].startswith("/login?next=")
    return not (refused or sent_to_login)


def test_every_address_has_a_line_and_every_line_an_address() -> None:
    assert sorted(walk()) == sorted(expected())


def test_every_rule_has_an_address() -> None:
    """A rule that outlives its page would open the next page of that name."""
    unfinished = {"admin:auth_user_password_change"}
    registered = {f"admin:{label.replace('.', '_')}_" for label in MODELS}
    assert [
        name for name in RULES if name not in walk() and name not in unfinished and not name.startswith(tuple(registered))
    ] == []


@pytest.mark.django_db
@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize(("column", "method"), [(0, "GET"), (1, "POST")])
def test_each_role_opens_what_its_line_says_and_nothing_else(letter: str, column: int, method: str) -> None:
    user = person(letter)
    lines = expected()

    wrong = []
    for name, path in walk().items():
        # A client each: one of the addresses signs out.
        if opens(client_of(user), method, path + QUERIES.get(name, "")) != (letter in lines[name][column]):
            wrong.append(name)

    assert wrong == []


@pytest.mark.django_db
def test_a_superuser_is_an_owner() -> None:
    user = User.objects.create_superuser("root")

    assert {str(role) for role in roles_of(user)} == {"member", "owner"}


def test_a_stranger_has_one_role() -> None:
    assert {str(role) for role in roles_of(AnonymousUser())} == {"stranger"}


def test_an_address_without_a_rule_is_refused_to_all() -> None:
    assert audience("dashboard:nobody_wrote_a_rule", "GET") == frozenset()


@pytest.mark.django_db
def test_a_stranger_comes_back_to_the_page_after_the_login() -> None:
    response = Client().get("/admin/?q=1")

    assert response.headers["Location"] == "/login?next=/admin/%3Fq%3D1"


@pytest.mark.django_db
def test_a_part_of_a_page_sends_the_whole_page_to_the_login() -> None:
    response = Client().get("/admin/", headers={"HX-Request": "true"})

    assert response.headers["HX-Redirect"] == "/login"
