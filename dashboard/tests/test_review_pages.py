"""The review page: drafts with the largest changes first, what is odd about each, and issuing the chosen ones."""

import html
import re
from functools import partial

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from dashboard.paging import page
from dashboard.tests import world
from events.ingest import RequestRefused
from events.tests import sending
from invoices import drafting, issuing, review
from invoices.models import Invoice
from invoices.run import run_billing
from invoices.tests.story import begin, bill, use
from jobs import run
from jobs.models import Job
from products.tests import making
from products.tests.making import ACTOR, per_unit, utc

pytestmark = pytest.mark.django_db(transaction=True)
MARCH = utc("2026-03-01T00:10")


@pytest.fixture
def drafts():
    """February's drafts: Acme fell from 5.00 to nothing, Bolt rose from 1.00 to 30.00 with late usage paid back, Calm stayed at 2.00."""
    calls = making.meter("call")
    product = making.product(per_unit(calls, "100"))
    acme, bolt, calm = (making.customer(name=name) for name in ("Acme", "Bolt", "Calm"))
    for customer, january, february in ((acme, 5, 0), (bolt, 1, 30), (calm, 2, 2)):
        begin(customer, product, "2026-01-01")
        use(customer, "call", "2026-01-20", times=january)
        if february:
            use(customer, "call", "2026-02-20", times=february)
    bill("2026-02-01T01:00")
    run_billing(now=MARCH, actor=ACTOR)
    with time_machine.travel(MARCH):
        yield {one.customer.name: one for one in Invoice.objects.filter(status="draft").select_related("customer")}


def flags():
    rows = review.described(review.drafts().order_by("-size", "-id"), now=timezone.now())
    return [(row.draft.customer.name, row.before, row.change, [one.kind for one in row.anomalies]) for row in rows]


def test_the_largest_changes_come_first_each_with_what_is_odd(drafts):
    Invoice.objects.filter(id=drafts["Calm"].id).update(is_held=True, hold_reason="asked by phone")
    key, _ = sending.make_key()
    with pytest.raises(RequestRefused):
        sending.send(key, sending.event("bad", drafts["Calm"].customer, metadata={"deep": {}}), received_at=utc("2026-02-21"))
    sending.send(key, sending.event("twice", drafts["Calm"].customer, event_name="call"), received_at=utc("2026-02-21"))
    sending.send(key, sending.event("twice", drafts["Calm"].customer, event_name="other"), received_at=utc("2026-02-22"))

    assert flags() == [
        ("Bolt", 100, 2900, ["ten_times"]),
        ("Acme", 500, -500, ["no_usage"]),
        ("Calm", 200, 100, ["held", "conflicts", "refused"]),
    ]
    page = world.signed_in("viewer").get(reverse("dashboard:review")).content.decode()
    assert re.findall(r"invoices/inv_\w+\">(\w+)</a>", page) == ["Bolt", "Acme", "Calm"]
    assert "Call is at least ten times the usual: 30" in page
    assert "Call shows no usage; the cycle before it had 5" in page
    assert "It is held back: asked by phone" in page
    assert "+$29.00" in page
    assert "Issue the chosen" not in page


def test_what_was_refused_or_in_conflict_before_the_cycle_began_is_not_odd_about_its_draft(drafts):
    key, _ = sending.make_key()
    before, calm = utc("2026-01-31T23:59"), drafts["Calm"].customer
    # Another draft looks further back.
    Invoice.objects.filter(id=drafts["Acme"].id).update(period_start=utc("2026-01-01"))
    with pytest.raises(RequestRefused):
        sending.send(key, sending.event("bad", calm, metadata={"deep": {}}), received_at=before)
    sending.send(key, sending.event("twice", calm, event_name="other"), received_at=before)
    sending.send(key, sending.event("twice", calm, event_name="another"), received_at=before)

    assert flags()[-1] == ("Calm", 200, 0, [])


def test_more_drafts_take_no_more_statements(drafts, django_assert_max_num_queries):
    rows = list(review.drafts().order_by("-size", "-id"))
    with django_assert_max_num_queries(100) as one:
        review.described(rows[:1], now=MARCH)

    with django_assert_max_num_queries(len(one)):
        review.described(rows, now=MARCH)


def test_the_chosen_are_issued_in_order_and_each_says_what_became_of_it(drafts):
    calm = drafts["Calm"]
    with time_machine.travel(utc("2026-04-01T00:10")):
        finance = world.signed_in("finance")
        bolt = drafts["Bolt"].subscription
        drafting.draft_points(subscription=bolt, now=timezone.now(), actor=ACTOR)
        address = reverse("dashboard:review_issue")
        issuing.issue_one(draft=drafts["Acme"], actor=ACTOR, now=timezone.now())
        later = Invoice.objects.get(subscription=bolt, point=3)
        chosen = [drafts["Acme"], later, calm]
        answer = finance.post(address, {"invoice": [one.public_id for one in chosen]}).content.decode()
        none = finance.post(address, {}, follow=True).content.decode()

    calm.refresh_from_db()
    assert calm.number in answer
    assert "INVOICE_NOT_DRAFT" in answer
    assert "EARLIER_DRAFT_OPEN" in answer
    assert "Choose the drafts to issue first." in none


def test_many_are_issued_as_a_job_that_lists_what_became_of_each(drafts, monkeypatch):
    monkeypatch.setattr(issuing, "AT_ONCE", 1)
    finance = world.signed_in("finance")
    chosen = [drafts["Bolt"].public_id, drafts["Acme"].public_id]

    finance.post(reverse("dashboard:review_issue"), {"invoice": chosen})
    job = Job.objects.get()
    run.take_and_work(job_id=job.pk, now=timezone.now())

    job.refresh_from_db()
    assert job.outcome == {"issued": 2, "not_issued": 0}
    written = b"".join(bytes(one.body) for one in job.files.get().chunks.all()).decode().splitlines()
    assert [line.split(",")[1] for line in written] == ["number", "INV-2026-000004", "INV-2026-000005"]
    events = Invoice.objects.get(customer__name="Bolt", point=2).events.order_by("id")
    assert events.last().actor_kind == "user"
    assert "Chosen drafts" in finance.get(reverse("dashboard:job", args=[job.public_id])).content.decode()


def test_amounts_of_two_currencies_are_never_put_in_one_order(drafts):
    euros = making.product(per_unit(making.meter("mail"), "1"), name="Euros", currency="EUR")
    dana = making.customer(name="Dana")
    begin(dana, euros, "2026-02-01")
    use(dana, "mail", "2026-02-20", times=900)
    run_billing(now=MARCH, actor=ACTOR)
    finance = world.signed_in("finance")
    first = finance.get(reverse("dashboard:review") + "?currency=EUR").content.decode()

    shown = {query: finance.get(reverse("dashboard:review") + query).content.decode() for query in ("", "?currency=EUR")}

    assert [re.findall(r"invoices/inv_\w+\">(\w+)</a>", page) for page in shown.values()] == [["Bolt", "Acme", "Calm"], ["Dana"]]
    assert "3 drafts, estimated" in shown[""]
    assert "1 of them without an estimate so far" in first
    assert "1 draft, estimated €9.00 together" in shown["?currency=EUR"]


@pytest.mark.parametrize("query", ["", "?currency=", "?currency=EUR", "?currency=XYZ"])
@pytest.mark.usefixtures("drafts")
def test_all_is_said_of_one_currency_that_has_drafts_or_nothing_is_issued(query):
    answer = world.signed_in("finance").post(reverse("dashboard:review_issue") + query, {"all": "1"}, follow=True)

    assert "Choose the currency whose drafts are to be issued first." in answer.content.decode()
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("customer_id=", "customer_id is empty. Leave it out to mean all."),
        ("odd=even", "odd cannot be read: Select a valid choice. even is not one of the available choices."),
        ("period_end=soon", "period_end cannot be read: Enter a valid date/time."),
    ],
)
@pytest.mark.usefixtures("drafts")
def test_a_filter_that_says_nothing_never_means_everybodys_drafts(query, refusal):
    answer = world.signed_in("finance").post(
        reverse("dashboard:review_issue") + f"?currency=USD&{query}", {"all": "1"}, follow=True
    )

    assert refusal in answer.content.decode()
    assert not Job.objects.exists()


def test_all_that_the_list_finds_are_issued_as_a_job_but_what_is_held(drafts):
    Invoice.objects.filter(id=drafts["Calm"].id).update(is_held=True, hold_reason="asked by phone")
    finance = world.signed_in("finance")

    finance.post(reverse("dashboard:review_issue") + "?currency=USD&odd=unknown", {"all": "1"})
    job = Job.objects.get()
    run.take_and_work(job_id=job.pk, now=timezone.now())

    job.refresh_from_db()
    page = finance.get(reverse("dashboard:job", args=[job.public_id])).content.decode()
    assert job.outcome == {"issued": 2, "not_issued": 0}
    assert Invoice.objects.get(status="draft").customer.name == "Calm"
    assert "all that the list found" in page
    assert re.search(r"What is odd</dt>\s*<dd[^>]*>\s*Not looked at yet", page)


def names(page):
    return re.findall(r"invoices/inv_\w+\">(\w+)</a>", page)


def test_a_list_is_narrowed_to_what_is_odd_without_a_look_at_every_draft(drafts, monkeypatch):
    Invoice.objects.filter(id=drafts["Acme"].id).update(is_held=True, hold_reason="asked by phone")
    Invoice.objects.filter(id=drafts["Calm"].id).update(is_held=False)
    finance, address = world.signed_in("finance"), reverse("dashboard:review")
    before = finance.get(address + "?odd=any").content.decode()
    monkeypatch.setattr(review, "LOOKED_AT_ONCE", 2)
    Invoice.objects.filter(id=drafts["Calm"].id).update(estimated_at=None)

    assert review.look_again(now=timezone.now()) == 3

    pages = {
        odd: finance.get(f"{address}?odd={odd}").content.decode() for odd in ("", "any", "none", "held", "ten_times", "refused")
    }
    assert "Not looked at yet" in before
    assert names(before) == []
    assert {odd: names(page) for odd, page in pages.items()} == {
        "": ["Bolt", "Acme", "Calm"],
        "any": ["Bolt", "Acme"],
        "none": ["Calm"],
        "held": ["Acme"],
        "ten_times": ["Bolt"],
        "refused": [],
    }
    segments = re.findall(r'class="segment" href="\?([^"]*)"[^>]*>([^<]+) <span class="muted">(\d+)', pages["held"])
    assert segments == [
        ("", "All", "3"),
        ("odd=any", "Only what is odd", "2"),
        ("odd=held", "Held back", "1"),
        ("odd=no_usage", "No usage", "1"),
        ("odd=ten_times", "Ten times the usual", "1"),
        ("odd=none", "Nothing odd", "1"),
    ]
    assert "Not looked at yet" not in pages[""]


def test_what_is_odd_is_kept_by_paging_searching_and_issuing_all(drafts, monkeypatch):
    review.look_again(now=timezone.now())
    finance, address = world.signed_in("finance"), reverse("dashboard:review")
    monkeypatch.setattr("dashboard.views.lists.page", partial(page, size=1))

    first = finance.get(f"{address}?odd=any&currency=USD").content.decode()
    (older,) = re.findall(r'href="\?([^"]*cursor=[^"]*)"', first)
    second = finance.get(f"{address}?{html.unescape(older)}").content.decode()
    (action,) = re.findall(r'<form id="selection" method="post" action="([^"]*)"', second)
    finance.post(html.unescape(action), {"all": "1"})
    job = Job.objects.get()
    run.take_and_work(job_id=job.pk, now=timezone.now())

    assert (names(first), names(second)) == (["Bolt"], ["Acme"])
    assert "Issue all 2" in second
    assert '<input type="hidden" name="odd" value="any">' in second
    job.refresh_from_db()
    assert job.parameters["filters"] == {"odd": "any", "currency": "USD"}
    assert job.outcome == {"issued": 2, "not_issued": 0}
    assert Invoice.objects.get(status="draft").customer.name == "Calm"
