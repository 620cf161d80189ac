"""Read what ingest refused for pages: by reason, event by event, and one request with everything that was wrong with it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.errors import DomainError
from customers.models import Customer
from dashboard.reading import actors
from events import bodies, judgement, log, replaying
from events.ingest import age_limit
from events.models import RefusedRequest, RejectedEvent, RejectedStatus, ReplayOutcome
from events.problems import Problem
from events.replay import body_of, texts_of
from events.validation import MAX_EVENTS
from jobs.models import Job

# A page is no report: what lies further back than so many events is left out, and the page says so.
READ_EVENTS = 50_000
SHOWN_GROUPS = 100
SHOWN_EVENTS = 100
SHOWN_TEXT = 20_000
SHOWN_EVENT_TEXT = 3_000


@dataclass(frozen=True)
class Group:
    """Events that were refused for one reason. customer_count: of the customers as they were sent."""

    code: str
    field: str
    event_count: int
    request_count: int
    customer_count: int
    first_at: datetime
    latest_at: datetime
    keys: Sequence[str]
    samples: Sequence[RejectedEvent]


@dataclass(frozen=True)
class Groups:
    """The reasons, the most frequent first. is_cut: there are more events, or more reasons, than were read."""

    items: Sequence[Group]
    is_cut: bool


@dataclass(frozen=True)
class ShownEvent:
    """One refused event in a list.

    arrived: an event with its id is in the log by now; resolved_by: who replayed or dismissed it; lacks_customer: it was refused for
    want of a customer whom nobody has created since.
    """

    row: RejectedEvent
    arrived: bool
    resolved_by: str
    lacks_customer: bool = False
    problems: Sequence[Problem] = ()
    text: str = ""


@dataclass(frozen=True)
class ShownRequest:
    """One refused request, taken apart as far as it can be.

    gone: the sentence that says why its body cannot be shown or taken apart.  rest_count: events without a problem that are kept;
    arrived_count: how many of those are in the log by now.  text: the beginning of the body, every odd character named.
    """

    request: RefusedRequest
    events: Sequence[ShownEvent]
    resolved_by: str
    gone: str = ""
    text: str = ""
    is_text_cut: bool = False
    rest_count: int = 0
    arrived_count: int = 0
    missing_count: int = 0


def groups(rows: QuerySet[RejectedEvent]) -> Groups:
    """Gather the newest refused events by code and field; three queries."""
    beyond = next(iter(rows.order_by("-id").values_list("id", flat=True)[READ_EVENTS : READ_EVENTS + 1]), None)
    read = rows if beyond is None else rows.filter(id__gt=beyond)
    found = list(
        read.order_by().values("code", "field")
        .annotate(
            event_count=Count("id"),
            request_count=Count("request", distinct=True),
            customer_count=Count("customer_reference", distinct=True),
            first_at=Min("request__first_received_at"),
            latest_at=Max("request__latest_received_at"),
            keys=ArrayAgg("request__api_key__name", distinct=True),
            newest=Max("id"),
            oldest=Min("id"),
        )
        .order_by("-event_count", "code", "field")[: SHOWN_GROUPS + 1]
    )  # fmt: skip
    samples = RejectedEvent.objects.in_bulk([one[end] for one in found for end in ("newest", "oldest")])
    shown = [_group(one, samples) for one in found[:SHOWN_GROUPS]]
    return Groups(shown, beyond is not None or len(found) > SHOWN_GROUPS)


def _group(found: Any, samples: Mapping[int, RejectedEvent]) -> Group:
    chosen = [samples[pk] for pk in dict.fromkeys((found.pop("newest"), found.pop("oldest")))]
    return Group(**found, samples=chosen)


def unread(rows: QuerySet[RefusedRequest]) -> Sequence[Any]:
    """Count requests that were refused as a whole by their code."""
    return list(
        rows.order_by().values("code")
        .annotate(request_count=Count("id"), first_at=Min("first_received_at"), latest_at=Max("latest_received_at"))
        .order_by("-request_count", "code")[:SHOWN_GROUPS]
    )  # fmt: skip


def events(rows: Sequence[RejectedEvent]) -> list[ShownEvent]:
    """Say of refused events whether they have arrived since, who resolved them, and whose customer is missing; at most four queries."""
    arrived = log.present({row.event_id for row in rows if row.event_id})
    named = _names(row.resolved_by for row in rows)
    missing = _missing(
        row.customer_reference for row in rows if row.code == "CUSTOMER_NOT_FOUND" and row.status == RejectedStatus.OPEN
    )
    return [ShownEvent(row, row.event_id in arrived, named[row.resolved_by], row.customer_reference in missing) for row in rows]


def _missing(references: Iterable[str]) -> set[str]:
    """Keep the ids, of ours or theirs, that no customer has."""
    wanted = {one for one in references if one}
    if not wanted:
        return set()
    known = Customer.objects.filter(Q(external_id__in=wanted) | Q(public_id__in=wanted))
    return wanted - {one for ids in known.values_list("external_id", "public_id") for one in ids}


def _names(who: Iterable[str]) -> Mapping[str, str]:
    return {"": "", **actors.names(one for one in set(who) if one)}


def request(row: RefusedRequest) -> ShownRequest:
    """Take one refused request apart; each event with all that was wrong with it, as it would be judged by its first receipt."""
    rejected = list(row.rejected.order_by("index")[:SHOWN_EVENTS])
    shown = ShownRequest(row, events(rejected), _names([row.resolved_by])[row.resolved_by])
    try:
        body = body_of(row)
        text = bodies.readable(body, most=SHOWN_TEXT + 1)
        is_cut = row.body_size > len(body) or len(text) > SHOWN_TEXT
        shown = replace(shown, text=text[:SHOWN_TEXT], is_text_cut=is_cut)
        texts = texts_of(row)
    except DomainError as gone:
        return replace(shown, gone=gone.message)
    bad = set(row.rejected.values_list("index", flat=True))
    rest = [bodies.event_id(text) for index, text in enumerate(texts) if index not in bad]
    return replace(
        shown,
        events=_with_problems(row, shown.events, texts),
        rest_count=len(rest),
        arrived_count=len(log.present(set(rest))),
        missing_count=max(0, (row.event_count or 0) - len(texts)),
    )


def _with_problems(row: RefusedRequest, shown: Sequence[ShownEvent], texts: Sequence[str]) -> list[ShownEvent]:
    """Put the text of each event beside it, and every problem: the one that was kept, then what else its content says."""
    found: dict[int, list[Problem]] = {}
    for start in range(0, len(texts), MAX_EVENTS):
        body = bodies.joined(texts[start : start + MAX_EVENTS])
        for problem in judgement.judge(body, received_at=row.first_received_at, max_age=age_limit()).problems:
            found.setdefault(start + (problem.index or 0), []).append(problem)
    return [replace(one, problems=_problems(one.row, found.get(one.row.index, [])), text=_text(one.row, texts)) for one in shown]


def _text(row: RejectedEvent, texts: Sequence[str]) -> str:
    return bodies.readable(texts[row.index].encode(), most=SHOWN_EVENT_TEXT) if row.index < len(texts) else ""


def _problems(row: RejectedEvent, found: Sequence[Problem]) -> list[Problem]:
    first = Problem(row.index, row.event_id, row.field, row.code, row.message)
    return [first, *(problem for problem in found if (problem.code, problem.field) != (first.code, first.field))]


def replay_facts(job: Job) -> list[tuple[str, Any]]:
    """Say in words what a replay was asked for and what became of the events."""
    return [(_("Chosen"), _chosen(job.parameters)), *_tally(job.outcome or job.position.get("tally", {}))]


def _chosen(asked: dict[str, Any]) -> str:
    if "request" in asked:
        return _("the good rest of refused request %(number)s") % {"number": asked["request"]}
    if "events" in asked:
        number = len(asked["events"])
        chosen = ngettext("%(n)s event", "%(n)s events", number) % {"n": number}
    elif not asked["filters"]:
        chosen = _("all open events")
    else:
        chosen = _("all open events with %(filters)s") % {
            "filters": ", ".join(f"{name}={text}" for name, text in asked["filters"].items())
        }
    return _("%(chosen)s, with the good rest of their requests") % {"chosen": chosen} if asked["with_rest"] else chosen


def _tally(tally: dict[str, int]) -> list[tuple[str, Any]]:
    labels = {str(one.value): str(one.label) for one in ReplayOutcome} | {replaying.GONE: _("No longer kept")}
    return [(labels.get(name) or _refused(name), number) for name, number in tally.items()]


def _refused(name: str) -> str:
    return _("Refused again: %(code)s") % {"code": name.removeprefix(replaying.REFUSED)}
