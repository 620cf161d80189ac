"""Carry the demonstration company's months out, step by step, through the verbs that the API and the tasks call.

A job keeps the number of the latest step. Configuration steps and that number commit together; requests and billing runs may be done twice
after a kill, and add nothing the second time.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection, transaction

from access import keys
from access.actors import Actor
from access.models import ApiKey, Scope
from billing_project.demo import opening
from billing_project.demo.company import CUSTOMERS
from billing_project.demo.timeline import Bill, Leave, Open, Send, Step, Story, steps
from core import database
from core.periods import local_date, local_midnight
from customers.models import Customer
from events import delivery
from events.ingest import RequestRefused, ingest
from invoices import payment
from invoices.models import Invoice, InvoiceStatus
from invoices.run import run_billing
from jobs.run import Run
from meters import rollup
from products import cancel
from products.cancel import Cancellation
from products.models import Subscription

KIND = "demo"
SEED = 20_260_801
ACTOR = Actor("system", "demo")

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder(decimal_format="number").encode


def parameters(*, now: datetime, months: int = 3, customers: Collection[str] = ()) -> dict[str, Any]:
    """Fix the story that a load tells, to its last instant, so that going on later tells the same one.

    customers: slugs, for a smaller company.
    """
    zone = settings.BILLING_TIME_ZONE
    return {
        "seed": SEED,
        "anchor": local_date(now, zone).replace(day=1).isoformat(),
        "until": now.isoformat(),
        "zone": zone,
        "grace_minutes": settings.INVOICE_GRACE_MINUTES,
        "months": months,
        "customers": [plan.slug for plan in CUSTOMERS if not customers or plan.slug in customers],
    }


def story(told: Mapping[str, Any]) -> Story:
    """Read what `parameters` wrote."""
    return Story(
        seed=told["seed"],
        anchor=date.fromisoformat(told["anchor"]),
        until=datetime.fromisoformat(told["until"]),
        zone=told["zone"],
        grace=timedelta(minutes=told["grace_minutes"]),
        months=told["months"],
        customers=tuple(plan for plan in CUSTOMERS if plan.slug in told["customers"]),
    )


def work(run: Run) -> dict[str, Any]:
    """Do every step that is not done yet; a jobs.kinds function."""
    told = story(run.parameters)
    load = _Load(run, told)
    with _commits_without_waiting():
        if not run.position:
            load.set_up()
        done: int = run.position["steps"]
        for number, step in enumerate(islice(steps(told), done, None), start=done + 1):
            load.do(step, number=number)
        load.finish()
    return {"events": dict(load.counts)}


@contextmanager
def _commits_without_waiting() -> Iterator[None]:
    """Let commits of this connection return before they are on disk.

    A crash of the server may then lose the latest steps, and with them the position: the load does them again. The log keeps the order
    of commits, so whatever is durable later makes all before it durable too.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO off")
    try:
        yield
    finally:
        with connection.cursor() as cursor:  # the connection goes back to a pool
            cursor.execute("SET synchronous_commit TO DEFAULT")


class _Load:
    """One process's turn at the load: what it knows, and how it does each kind of step."""

    def __init__(self, run: Run, told: Story) -> None:
        self.run = run
        self.story = told
        self.counts: Counter[str] = Counter(run.position.get("counts", {}))
        self.verbs: Mapping[type[Step], Callable[[Any], None]] = {
            Open: self.open,
            Send: self.send,
            Bill: self.bill,
            Leave: self.leave,
        }

    @cached_property
    def key_id(self) -> int:
        return ApiKey.objects.get(public_id=self.run.position["key"]).id

    @transaction.atomic
    def set_up(self) -> None:
        """Name the seller, make a key, the meters and the products, as of a week before the first month."""
        at = local_midnight(self.story.first - timedelta(days=7), self.story.zone)
        opening.name_seller()
        key, _secret = keys.create(name="Demonstration data", scope=Scope.INGEST, actor=self.run.actor, now=at)
        meters = opening.make_meters(now=at)
        products = opening.make_products(meters=meters, actor=self.run.actor, now=at)
        position = {"steps": 0, "key": key.public_id, "meters": meters, "products": products, "counts": {}}
        self.run.advance(position=position, done=0, unit="days")

    def do(self, step: Step, *, number: int) -> None:
        """Do one step and keep that it is done; together, where the step is one transaction."""
        verb = self.verbs[type(step)]
        if isinstance(step, Open | Leave):
            with transaction.atomic():
                verb(step)
                self._keep(number, step.at)
        else:
            verb(step)
            self._keep(number, step.at)
        if isinstance(step, Bill):
            log.info("%s: %s events", step.at.date(), f"{self.counts['ingested']:,}")

    def finish(self) -> None:
        """Roll up and count what is left, and end the key that nobody has."""
        rollup.roll_all(now=self.story.until)
        delivery.write(database.of_django())
        key = ApiKey.objects.get(public_id=self.run.position["key"])
        if key.revoked_at is None:
            keys.revoke(key=key, now=self.story.until)

    def open(self, step: Open) -> None:
        position = self.run.position
        opening.open_customer(
            plan=step.customer,
            products=position["products"],
            meters=position["meters"],
            actor=self.run.actor,
            now=step.at,
        )

    def leave(self, step: Leave) -> None:
        reference = opening.external_id(step.customer.slug)
        subscription = Subscription.objects.get(customer__external_id=reference)
        why = Cancellation(comment="We have moved to another service.", feedback="switched_service")
        cancel.cancel_now(subscription=subscription, why=why, actor=self.run.actor, now=step.at)

    def send(self, step: Send) -> None:
        try:
            result = ingest(body=body(step), key_id=self.key_id, received_at=step.at)
        except RequestRefused:
            self.counts["refused"] += len(step.events)
            return
        self.counts["ingested"] += result.ingested_count
        self.counts["duplicate"] += result.duplicate_count
        self.counts["conflict"] += len(result.conflicts)

    def bill(self, step: Bill) -> None:
        delivery.write(database.of_django())
        rollup.roll_all(now=step.at)
        run_billing(now=step.at, actor=self.run.actor)
        self._receive_payments(step.at)

    def _receive_payments(self, now: datetime) -> None:
        habits = {opening.external_id(plan.slug): plan.pays_after for plan in self.story.customers}
        customers = Customer.objects.filter(external_id__in=habits)
        for invoice in Invoice.objects.filter(status=InvoiceStatus.ISSUED, customer__in=customers).select_related("customer"):
            days = habits[invoice.customer.external_id or ""]
            if days is None or invoice.issued_at is None:
                continue
            paid_at = invoice.issued_at + timedelta(days=days)
            if paid_at <= now:
                payment.pay(invoice=invoice, actor=self.run.actor, now=paid_at)

    def _keep(self, number: int, at: datetime) -> None:
        position = {**self.run.position, "steps": number, "counts": dict(self.counts)}
        first = local_midnight(self.story.first, self.story.zone)
        self.run.advance(position=position, done=max(0, (at - first).days), total=(self.story.until - first).days, unit="days")


def body(step: Send) -> bytes:
    """Write a request's events as a customer's server posts them."""
    events = [
        {
            "event_id": event.event_id,
            "customer_id": opening.external_id(event.customer),
            "event_name": event.event_name,
            "timestamp": event.timestamp,
            "metadata": event.metadata,
        }
        for event in step.events
    ]
    return _encode({"events": events})
