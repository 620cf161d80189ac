"""Tell random billing stories of one customer, and live them through: often billed, billed by runs that are killed, or billed once."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import count

from hypothesis import strategies as st

from core.errors import DomainError
from core.faults import striking
from core.periods import Interval
from credits import entering, grants, product_credits, wallets
from credits.grants import GrantInput
from credits.product_credits import ProductCreditInput
from credits.wallets import WalletChange
from events.models import Event
from events.tests import sending
from invoices import live_credit
from invoices import void as void_invoice
from invoices.inputs import KINDS_OF_POINTS
from invoices.models import Invoice
from invoices.run import run_billing
from meters import void as voids
from products import cancel, change, pause, rebill, subscribe
from products.cancel import Cancellation
from products.change import When
from products.models import Subscription
from products.tests import making
from products.tests.making import ACTOR, utc

START = utc("2026-01-31")
PLACES = (
    "billing: customers locked",
    "billing: assembled",
    "billing: series locked",
    "billing: written",
    "billing: chunk committed",
)
_numbers = count(1)


class Killed(BaseException):
    """Stands for a kill: nothing catches it, the transaction is lost."""


def terms(meter, kind, free, limits):
    """Price a meter in one of a few ways that have every step of a charge."""
    low, high = limits
    more = {"free_threshold": free, "minimum_amount": low, "maximum_amount": high}
    if kind == "per_unit":
        return making.per_unit(meter, "33.3", **more)
    if kind == "package":
        return making.per_unit(meter, "250", price_model="package", package_size=Decimal(3), **more)
    tiers = (making.tier("4", "100", 7), making.tier(None, "10.5", 30))
    return making.tiered(meter, *tiers, model=kind, **more)


priced = st.tuples(
    st.sampled_from(["per_unit", "graduated", "volume", "package"]),
    st.integers(0, 3),
    st.sampled_from([(None, None), (350, None), (None, 700), (100, 900)]),
)
sold = st.fixed_dictionaries(
    {
        "fee": st.sampled_from([0, 1000, 3100]),
        "every": st.sampled_from([("Month", 1), ("Month", 1), ("Week", 2)]),
        "life": st.sampled_from([("Year", 1), ("Year", 1), ("Month", 2)]),
        "meters": st.lists(priced, min_size=1, max_size=3),
        "credits": st.sampled_from([None, None, (4, "none"), (4, "all"), (6, "capped")]),
    }
)
amounts = st.integers(1, 9)
steps = st.one_of(
    st.tuples(st.just("use"), st.integers(0, 2), st.integers(-2, 9), st.integers(1, 4)),
    st.tuples(st.just("late"), st.integers(0, 2), st.integers(-2, 9), st.integers(1, 70)),
    st.tuples(st.just("void_event"), st.integers(0, 50)),
    st.tuples(st.just("unvoid_event"), st.integers(0, 50)),
    st.tuples(st.just("change"), st.integers(0, 2), st.sampled_from(When), st.integers(1, 2)),
    st.tuples(st.just("reprice"), sold),
    st.tuples(st.just("pause")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("units"), st.integers(0, 2), amounts, st.sampled_from([None, 20, 45]), st.sampled_from(["none", "all"])),
    st.tuples(st.just("money"), st.integers(1, 900), st.sampled_from(["usage", "invoice"]), st.sampled_from([None, 20, 45])),
    st.tuples(st.just("wallet"), st.sampled_from(["credit", "debit"]), st.integers(1, 900)),
    st.tuples(st.just("void"), st.integers(0, 9), st.sampled_from(["reissue", "waive"])),
    st.tuples(st.just("move"), st.integers(1, 45)),
    st.tuples(st.just("leave")),
    st.tuples(st.just("keep")),
    st.tuples(st.just("add"), st.integers(0, 9), amounts),
    st.tuples(st.just("take"), st.integers(0, 9), amounts),
    st.tuples(st.just("wait")),
)
told = st.fixed_dictionaries(
    {
        "products": st.lists(sold, min_size=1, max_size=3),
        "steps": st.lists(st.tuples(st.integers(0, 16 * 24), steps), min_size=2, max_size=14),
        "kills": st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 2)), min_size=1, max_size=20),
    }
)

# One story that has everything: the first example of every law.
_DAY = 24
RICH = {
    "products": [
        {
            "fee": 3100,
            "every": ("Month", 1),
            "life": ("Year", 1),
            "meters": [("graduated", 2, (350, None))],
            "credits": (4, "capped"),
        },
        {
            "fee": 1000,
            "every": ("Month", 1),
            "life": ("Month", 2),
            "meters": [("volume", 1, (None, None)), ("per_unit", 0, (None, 700)), ("package", 1, (100, 900))],
            "credits": (4, "all"),
        },
    ],
    "steps": [
        (_DAY, ("money", 250, "usage", None)),
        (_DAY, ("wallet", "credit", 900)),
        (0, ("add", 0, 3)),
        (0, ("take", 1, 2)),
        (_DAY, ("use", 0, 9, 2)),
        (6 * _DAY, ("change", 1, When.SAME_CYCLE, 1)),
        (3 * _DAY, ("use", 1, 5, 4)),
        (_DAY, ("units", 1, 3, 45, "none")),
        (10 * _DAY, ("pause",)),
        (16 * _DAY, ("late", 0, 7, 33)),
        (3 * _DAY, ("resume",)),
        (_DAY, ("void_event", 0)),
        (16 * _DAY, ("void", 1, "reissue")),
        (8 * _DAY, ("change", 0, When.NEXT_CYCLE, 2)),
        (0, ("move", 12)),
        (0, ("leave",)),
        (_DAY, ("keep",)),
        (9 * _DAY, ("unvoid_event", 0)),
        (16 * _DAY, ("late", 1, 4, 60)),
        (4 * _DAY, ("void", 3, "waive")),
    ],
    "kills": [(place, 1) for place in PLACES],
}


@dataclass
class Story:
    """One way to live a story through. kills: where the runs are killed before each of them is let through."""

    meters: tuple
    is_billed_often: bool = True
    kills: tuple = ()
    products: list = field(default_factory=list)
    refused: list = field(default_factory=list)
    waived: bool = False

    def live(self, tale):
        """Live the story, and end it: the subscription is cancelled, and everything that is due then and later is billed."""
        self.customer = making.customer(tax_rate=Decimal("0.1"))
        self.key, _ = sending.make_key()
        self.now = START
        self.products = [self._product(one) for one in tale["products"]]
        self.subscription = subscribe.create(
            customer=self.customer, product=self.products[0], start_at=self.now, actor=ACTOR, now=self.now
        )
        for hours, (verb, *words) in tale["steps"]:
            self.now += timedelta(hours=hours)
            self._bill()
            try:
                getattr(self, verb)(*words)
            except DomainError as refusal:
                self.refused.append((verb, refusal.code))
        self.now += timedelta(days=1)
        self._bill()
        one = self._read()
        if one.ends_at is None or one.ends_at > self.now:
            cancel.cancel_now(subscription=one, why=Cancellation(), actor=ACTOR, now=self.now)
        for _ in range(3):
            self.now += timedelta(days=32)
            self._bill(always=True)
        return self

    def _bill(self, *, always=False):
        if not (self.is_billed_often or always):
            return
        for place, turn in self.kills[:1]:
            with ExitStack() as stack:
                stack.enter_context(striking(place, _after(turn)))
                try:
                    run_billing(now=self.now, actor=ACTOR)
                except Killed:
                    continue
        run_billing(now=self.now, actor=ACTOR)
        self.kills = (*self.kills[1:], *self.kills[:1])

    def _read(self):
        return Subscription.objects.get(id=self.subscription.id)

    def _product(self, one):
        credits = []
        if one["credits"]:
            amount, rollover = one["credits"]
            cap = Decimal(3) if rollover == "capped" else None
            credits = [ProductCreditInput("units", Decimal(amount), meter=self.meters[0], rollover=rollover, rollover_cap=cap)]
        return product_credits.create_product(
            name="Plan", tax_category="saas", price=self._price(one), credits=credits, actor=ACTOR, now=START
        )

    def _price(self, one):
        chosen = [terms(meter, *how) for meter, how in zip(self.meters, one["meters"], strict=False)]
        return making.price(*chosen, fee=one["fee"], every=one["every"], life=one["life"])

    def _ingest(self, meter, number, at):
        one = self.meters[meter % len(self.meters)]
        event = sending.event(
            f"story-{next(_numbers)}", self.customer, event_name=one.event_name, timestamp=at.isoformat(), metadata={"n": number}
        )
        sending.send(self.key, event, received_at=self.now, max_age=timedelta(days=400))

    def use(self, meter, number, times):
        for _ in range(times):
            self._ingest(meter, number, self.now)

    def late(self, meter, number, days):
        self._ingest(meter, number, self.now - timedelta(days=days))

    def _event(self, index):
        events = list(Event.objects.filter(customer_id=self.customer.id).order_by("arrival"))
        return events[index % len(events)] if events else None

    def void_event(self, index):
        if one := self._event(index):
            voids.void(event=one, reason="wrong", actor=ACTOR, now=self.now)

    def unvoid_event(self, index):
        if one := self._event(index):
            voids.unvoid(event=one, reason="right", actor=ACTOR, now=self.now)

    def change(self, product, when, quantity):
        chosen = self.products[product % len(self.products)]
        asked = {"when": when, "quantity": quantity, "replace_scheduled": True, "actor": ACTOR, "now": self.now}
        change.change_product(subscription=self._read(), product=chosen, **asked)

    def reprice(self, one):
        product = self.products[0]
        every = product.versions.get(number=1)
        kept = {**one, "every": (every.payment_frequency_interval, every.payment_frequency_count)}
        product_credits.change_product(
            product=product, changes={}, price=self._price(kept), credits=None, actor=ACTOR, now=self.now
        )

    def pause(self):
        pause.pause(subscription=self._read(), actor=ACTOR, now=self.now)

    def resume(self):
        pause.resume(subscription=self._read(), actor=ACTOR, now=self.now)

    def units(self, meter, amount, days, rollover):
        one = self.meters[meter % len(self.meters)]
        renewing = {"renews": True, "renewal": Interval("Month", 1), "rollover": rollover} if rollover != "none" else {}
        self._give(kind="units", amount=Decimal(amount), meter=one, expires_at=self._in(days), **renewing)

    def money(self, amount, applies_to, days):
        self._give(kind="money", amount=Decimal(amount), currency="USD", applies_to=applies_to, expires_at=self._in(days))

    def _in(self, days):
        return None if days is None else self.now + timedelta(days=days)

    def _give(self, **more):
        grant = GrantInput(effective_at=self.now, name=f"g{self.customer.creditgrant_set.count()}", **more)
        grants.create(customer=self.customer, grant=grant, actor=ACTOR, now=self.now)

    def wallet(self, kind, amount):
        wanted = WalletChange("USD", kind == "credit", amount)
        wallets.change(customer=self.customer, change=wanted, actor=ACTOR, now=self.now)

    def void(self, index, then):
        issued = Invoice.objects.filter(
            customer=self.customer, status__in=["issued", "paid"], kind__in=[*KINDS_OF_POINTS, "adjustment"]
        )
        found = list(issued.order_by("point_at", "id"))
        if found:
            void_invoice.void(invoice=found[index % len(found)], then=then, reason="wrong", actor=ACTOR, now=self.now)
            self.waived = self.waived or then == "waive"

    def move(self, days):
        at = self.now + timedelta(days=days)
        rebill.move_next_billing_date(subscription=self._read(), next_billing_date=at, actor=ACTOR, now=self.now)

    def leave(self):
        cancel.cancel_at_next_billing_date(subscription=self._read(), why=Cancellation(), actor=ACTOR, now=self.now)

    def keep(self):
        cancel.keep(subscription=self._read(), actor=ACTOR, now=self.now)

    def add(self, index, amount):
        if one := self._grant(index):
            entering.top_up(grant=one, amount=Decimal(amount), reason="", actor=ACTOR, now=self.now)

    def take(self, index, amount):
        if one := self._grant(index):
            left = partial(self._left, one)
            entering.debit(grant=one, amount=Decimal(amount), left=left, reason="", actor=ACTOR, now=self.now)

    def _left(self, grant):
        return live_credit.of_customers([self.customer.id], now=self.now).left(grant.id, at=self.now)

    def _grant(self, index):
        found = list(self.customer.creditgrant_set.order_by("id"))
        return found[index % len(found)] if found else None

    def wait(self):
        """Let time pass."""


def _after(count):
    left = [count]

    def strike():
        left[0] -= 1
        if left[0] <= 0:
            raise Killed

    return strike
