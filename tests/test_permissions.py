"""Every address, as every role and as a stranger, against a literal table: an address without a line here fails."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from access.models import User
from access.people import roles_of
from access.rules import RULES, audience

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
    admin:autocomplete            vfpo    -
    admin:jsi18n                  vfpo    -
    admin:login                   smvfpo  -
    admin:logout                  -       smvfpo
    admin:password_change         mvfpo   -
    admin:password_change_done    mvfpo   -
    admin:view_on_site            -       -
    dashboard:home                vfpo    -
    dashboard:home_figure         vfpo    -
    dashboard:invoiced_figure     vfpo    -
    dashboard:find                vfpo    -
    dashboard:meters              vfpo    -
    dashboard:meter_new           po      po
    dashboard:meter_preview       -       po
    dashboard:meter               vfpo    -
    dashboard:meter_edit          po      po
    dashboard:meter_archive       po      po
    dashboard:meter_unarchive     po      po
    dashboard:meter_what_if       po      po
    dashboard:dry_run             vfpo    -
    dashboard:meter_figure        vfpo    -
    dashboard:meter_customers     vfpo    -
    dashboard:meter_customers_csv vfpo    -
    dashboard:meter_events        vfpo    -
    dashboard:events              vfpo    -
    dashboard:event               vfpo    -
    dashboard:event_voids         po      po
    dashboard:event_voids_take_back  -    po
    dashboard:event_void          -       po
    dashboard:event_unvoid        -       po
    dashboard:event_correct       po      po
    dashboard:refused             vfpo    -
    dashboard:refused_events      vfpo    -
    dashboard:refused_replay      -       po
    dashboard:refused_dismiss     -       po
    dashboard:refused_requests    vfpo    -
    dashboard:refused_request     vfpo    -
    dashboard:refused_rest_replay      -  po
    dashboard:refused_request_dismiss  -  po
    dashboard:conflicts           vfpo    -
    dashboard:conflict            vfpo    -
    dashboard:conflict_dismiss    -       po
    dashboard:conflict_correct    -       po
    dashboard:delivery            vfpo    -
    dashboard:delivery_export     vfpo    -
    dashboard:delivery_key        vfpo    -
    dashboard:delivery_figure     vfpo    -
    dashboard:customers           vfpo    -
    dashboard:customer_choices    vfpo    -
    dashboard:customer_new        po      po
    dashboard:customer_edit       po      po
    dashboard:customer_archive    -       po
    dashboard:customer_unarchive  -       po
    dashboard:event_name_choices  vfpo    -
    dashboard:customer            vfpo    -
    dashboard:customer_credit     vfpo    -
    dashboard:grant_new           fpo     fpo
    dashboard:grant               vfpo    -
    dashboard:grant_top_up        -       fpo
    dashboard:grant_threshold     -       fpo
    dashboard:grant_void          -       fpo
    dashboard:products            vfpo    -
    dashboard:product             vfpo    -
    dashboard:product_new         po      po
    dashboard:product_edit        po      po
    dashboard:product_simulate    fpo     fpo
    dashboard:price_simulation    vfpo    -
    dashboard:product_archive     -       po
    dashboard:product_unarchive   -       po
    dashboard:subscriptions       vfpo    -
    dashboard:subscription        vfpo    -
    dashboard:subscription_new    po      po
    dashboard:subscription_change  po     po
    dashboard:invoices            vfpo    -
    dashboard:invoice             vfpo    -
    dashboard:invoice_pdf         vfpo    -
    dashboard:invoices_export     vfpo    -
    dashboard:invoices_export_job  -      fpo
    dashboard:invoices_pay        fo      fo
    dashboard:invoice_remarks     -       fo
    dashboard:invoice_issue       -       fo
    dashboard:invoice_pay         -       fo
    dashboard:invoice_unpay       -       fo
    dashboard:invoice_void        fo      fo
    dashboard:invoice_verify      vfpo    fpo
    dashboard:receivables         vfpo    -
    dashboard:receivables_export  vfpo    -
    dashboard:review              vfpo    -
    dashboard:review_issue        -       fo
    dashboard:verifications       vfpo    -
    dashboard:verifications_begin  -      fpo
    dashboard:line_events         vfpo    -
    dashboard:line_events_csv     vfpo    -
    dashboard:late_usage          vfpo    -
    dashboard:late_usage_one      vfpo    -
    dashboard:late_usage_decide   -       fo
    dashboard:jobs                vfpo    -
    dashboard:job                 vfpo    -
    dashboard:job_cancel          -       fpo
    dashboard:job_resume          -       fpo
    dashboard:job_file            vfpo    -
    dashboard:webhooks            po      -
    dashboard:webhook_create      po      po
    dashboard:webhook             po      -
    dashboard:webhook_edit        po      po
    dashboard:webhook_secret      -       po
    dashboard:webhook_switch      -       po
    dashboard:webhook_delete      -       po
    dashboard:webhook_test        -       po
    dashboard:webhook_resend      -       po
    dashboard:keys                po      -
    dashboard:key_create          po      po
    dashboard:key_revoke          -       po
    admin:auth_user_password_change  o    o
"""

# Who may view, add, change and delete in the back office.
MODELS_EXPECTED = """
    core.deployment                    vfpo  -     -     -
    core.billingday                    vfpo  -     -     -
    access.user                        o     o     o     -
    access.userhistory                 o     -     -     -
    access.rolehistory                 o     -     -     -
    access.apikey                      po    -     po    -
    access.apikeyhistory               po    -     -     -
    axes.accessattempt                 o     -     -     o
    jobs.job                           vfpo  -     -     -
    jobs.jobfile                       vfpo  -     -     -
    jobs.jobfilechunk                  vfpo  -     -     -
    webhooks.webhookendpoint           po    -     -     -
    webhooks.webhookendpointhistory    po    -     -     -
    webhooks.webhookmessage            po    -     -     -
    webhooks.webhookdelivery           po    -     -     -
    webhooks.webhookattempt            po    -     -     -
    customers.customer                 vfpo  po    po    -
    customers.customerhistory          vfpo  -     -     -
    events.eventname                   vfpo  -     -     -
    events.eventproperty               vfpo  -     -     -
    events.event                       vfpo  -     -     -
    events.eventvoid                   vfpo  -     -     -
    events.eventconflict               vfpo  -     -     -
    events.refusedrequest              po    -     -     -
    events.refusedcompanions           po    -     -     -
    events.rejectedevent               vfpo  -     -     -
    events.deliveryhour                vfpo  -     -     -
    events.deliveryrefusal             vfpo  -     -     -
    events.logsnapshot                 vfpo  -     -     -
    meters.meter                       vfpo  -     po    -
    meters.meterhistory                vfpo  -     -     -
    meters.meteractivity               vfpo  -     -     -
    meters.usageday                    vfpo  -     -     -
    meters.meterquarter                vfpo  -     -     -
    meters.meterblock                  vfpo  -     -     -
    meters.usageblock                  vfpo  -     -     -
    meters.rollposition                vfpo  -     -     -
    products.product                   vfpo  -     po    -
    products.producthistory            vfpo  -     -     -
    products.priceversion              vfpo  -     -     -
    products.meterprice                vfpo  -     -     -
    products.pricetier                 vfpo  -     -     -
    products.subscription              vfpo  -     -     -
    products.subscriptionhistory       vfpo  -     -     -
    products.nextpoint                 vfpo  -     -     -
    products.subscriptionphase         vfpo  -     -     -
    products.subscriptionphasehistory  vfpo  -     -     -
    products.subscriptionpause         vfpo  -     -     -
    products.subscriptionmeter         vfpo  -     -     -
    products.onetimeitem               vfpo  -     -     -
    credits.productcredit              vfpo  -     -     -
    credits.creditgrant                vfpo  po    -     -
    credits.creditgranthistory         vfpo  -     -     -
    credits.grantperiod                vfpo  -     -     -
    credits.creditentry                vfpo  -     -     -
    credits.walletentry                vfpo  -     -     -
    credits.lowbalance                 vfpo  -     -     -
    invoices.seller                    vfpo  -     po    -
    invoices.sellerhistory             vfpo  -     -     -
    invoices.invoiceseries             vfpo  -     -     -
    invoices.invoice                   vfpo  -     -     -
    invoices.invoiceline               vfpo  -     -     -
    invoices.invoicetax                vfpo  -     -     -
    invoices.invoicecredit             vfpo  -     -     -
    invoices.invoiceevent              vfpo  -     -     -
    invoices.remarkchange              vfpo  -     -     -
    invoices.verification              vfpo  -     -     -
    invoices.lateusage                 vfpo  -     -     -
    invoices.latedecision              vfpo  -     -     -
    invoices.latescan                  vfpo  -     -     -
    api.pageend                        o     -     -     -
"""

# The API judges keys, not people (api/tests): these namespaces are open to sessions and strangers alike.
OPEN_NAMESPACES = {"api"}

# What an address needs so as not to refuse for reasons of its own.
QUERIES = {"admin:autocomplete": "?app_label=invoices&model_name=invoice&field_name=customer"}

LETTERS = "smvfpo"
GetResponse = Callable[[HttpRequest], HttpResponse]
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


class StopBeforeTheView:
    """The last middleware of these tests: whatever gets here was let through, and nothing happens."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse:
        return HttpResponse(status=204)


def refuse_briefly(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer as the page of a refusal does, without drawing it some hundred times."""
    return HttpResponse(status=403)


@pytest.fixture
def stopped(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.test_permissions.StopBeforeTheView"]
    monkeypatch.setattr("billing_project.urls.handler403", refuse_briefly, raising=False)


def client_of(letter: str) -> Client:
    client = Client(raise_request_exception=False)
    if letter != "s":
        user = User.objects.create_user(f"person-{letter}")
        if letter in GROUP_OF_LETTER:
            user.groups.add(Group.objects.get(name=GROUP_OF_LETTER[letter]))
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
    assert RULES.keys() - walk().keys() == set()


@pytest.mark.django_db
@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize(("column", "method"), [(0, "GET"), (1, "POST")])
def test_each_role_opens_what_its_line_says_and_nothing_else(letter: str, column: int, method: str) -> None:
    client, lines = client_of(letter), expected()

    opened = {name for name, path in walk().items() if opens(client, method, path)}

    assert opened == {name for name in walk() if letter in lines[name][column]}


@pytest.mark.django_db
def test_no_view_refuses_a_reader_whom_its_line_lets_in() -> None:
    client, lines = client_of("v"), expected()
    allowed = {name: path + QUERIES.get(name, "") for name, path in walk().items() if "v" in lines[name][0]}

    assert {name for name, path in allowed.items() if not opens(client, "GET", path)} == set()


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
