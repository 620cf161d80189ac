"""Read what is asked of a subscription: each action with its fields, when it is offered, and the verb that it means."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from access.actors import Actor
from core.filtering import date_input
from core.periods import local_midnight
from dashboard.customer_field import CustomerField
from dashboard.forms import CALENDAR
from products import cancel, change, pause, rebill, subscribe
from products.cancel import Cancellation
from products.change import When
from products.models import PriceKind, Product, Subscription, SubscriptionStatus

Ask = Callable[[], Subscription]


def _sold() -> Any:
    return Product.objects.filter(archived_at=None).exclude(price_kind=PriceKind.ONE_TIME).order_by("name", "id")


class NoFields(forms.Form):
    """An action that needs nothing said."""


class ProductForm(forms.Form):
    product = forms.ModelChoiceField(label=_("Product"), queryset=Product.objects.none(), to_field_name="public_id")
    quantity = forms.IntegerField(label=_("Quantity"), min_value=1, max_value=2**31 - 1, initial=1)
    when = forms.ChoiceField(
        label=_("When"),
        choices=[
            (When.SAME_CYCLE, _("Now, and the running cycle goes on")),
            (When.NEW_CYCLE, _("Now, with a new cycle from today on")),
            (When.NEXT_CYCLE, _("With the next cycle")),
        ],
        help_text=_("Now makes an invoice: usage so far, what is left of the old fee given back, the new fee."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["product"].queryset = _sold()  # type: ignore[attr-defined]


class CancelForm(forms.Form):
    at = forms.ChoiceField(label=_("When"), choices=[("end", _("With the running cycle")), ("now", _("Now"))])
    prorate = forms.BooleanField(label=_("Give the rest of the fee back (now only)"), required=False)
    comment = forms.CharField(label=_("Reason"), required=False, max_length=3000)


class DateForm(forms.Form):
    date = forms.DateField(
        label=_("Next billing date"),
        widget=date_input(),
        validators=CALENDAR,
        help_text=_("The new anchor of all later cycles."),
    )


class StartForm(forms.Form):
    """A new subscription. customer: any way to name one."""

    customer = CustomerField(name="customer", required=True)
    product = forms.ModelChoiceField(
        label=_("Product"), queryset=Product.objects.none(), to_field_name="public_id", empty_label=_("Choose a product")
    )
    quantity = forms.IntegerField(label=_("Quantity"), min_value=1, max_value=2**31 - 1, initial=1)
    start = forms.DateField(
        label=_("Start"),
        widget=date_input(),
        validators=CALENDAR,
        required=False,
        help_text=_("Empty: now. A day in the past bills every cycle since, one in the future waits."),
    )
    trial_period_days = forms.IntegerField(
        label=_("Trial days"), min_value=0, max_value=10_000, required=False, help_text=_("Empty: as the price says.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["product"].queryset = _sold()  # type: ignore[attr-defined]

    def clean_start(self) -> Any:
        day = self.cleaned_data["start"]
        if day is not None and abs(local_midnight(day, settings.BILLING_TIME_ZONE) - timezone.now()) > subscribe.FARTHEST:
            raise forms.ValidationError(_("Enter a day within thirty years of today."))
        return day

    def ask(self, *, actor: Actor, now: datetime) -> Ask:
        """Give the verb that the form asks for."""
        found = self.cleaned_data
        start_at = local_midnight(found["start"], settings.BILLING_TIME_ZONE) if found["start"] else now
        extras = subscribe.Extras(quantity=found["quantity"], trial_period_days=found["trial_period_days"])
        return lambda: subscribe.create(
            customer=found["customer"], product=found["product"], start_at=start_at, extras=extras, actor=actor, now=now
        )


@dataclass(frozen=True)
class Action:
    """Something that can be asked of a subscription.

    means: the verb, given the subscription, what the form found, and actor and now.  offered: whether it makes sense at that instant.
    """

    title: str | Promise
    text: str | Promise
    form: type[forms.Form]
    means: Callable[[Subscription, dict[str, Any], dict[str, Any]], Subscription]
    offered: Callable[[Subscription, datetime], bool]
    is_danger: bool = False

    def ask(self, subscription: Subscription, found: dict[str, Any], *, actor: Actor, now: datetime) -> Ask:
        """Give the verb with all that it needs."""

        @transaction.atomic
        def do() -> Subscription:
            return self.means(subscription, found, {"subscription": subscription, "actor": actor, "now": now})

        return do


def _change(subscription: Subscription, found: dict[str, Any], common: dict[str, Any]) -> Subscription:
    return change.change_product(
        product=found["product"], quantity=found["quantity"], when=When(found["when"]), replace_scheduled=True, **common
    )


def _cancel(subscription: Subscription, found: dict[str, Any], common: dict[str, Any]) -> Subscription:
    why = Cancellation("cancelled_by_merchant", found["comment"])
    if found["at"] == "now":
        return cancel.cancel_now(why=why, prorate=found["prorate"], **common)
    return cancel.cancel_at_next_billing_date(why=why, **common)


def _move(subscription: Subscription, found: dict[str, Any], common: dict[str, Any]) -> Subscription:
    at = local_midnight(found["date"], settings.BILLING_TIME_ZONE)
    return rebill.move_next_billing_date(next_billing_date=at, **common)


def _stands(status: str) -> Callable[[Subscription, datetime], bool]:
    return lambda subscription, now: subscribe.status_at(subscription, now) == status


def _lives(subscription: Subscription, now: datetime) -> bool:
    return subscribe.status_at(subscription, now) in (
        SubscriptionStatus.PENDING,
        SubscriptionStatus.ACTIVE,
        SubscriptionStatus.PAUSED,
    )


def _ending(subscription: Subscription, now: datetime) -> bool:
    return _lives(subscription, now) and subscription.cancel_at_next_billing_date


ACTIONS = {
    "keep": Action(
        _("Take the cancellation back"),
        _("The subscription goes on after its running cycle."),
        NoFields,
        lambda _subscription, _found, common: cancel.keep(**common),
        _ending,
    ),
    "resume": Action(
        _("Resume"),
        _("If the running cycle began in the pause, the rest of its fee is billed at its end."),
        NoFields,
        lambda _subscription, _found, common: pause.resume(**common),
        _stands(SubscriptionStatus.PAUSED),
    ),
    "take_back": Action(
        _("Take the change of product back"),
        _("The next cycle has the product of the running one."),
        NoFields,
        lambda _subscription, _found, common: change.take_back(**common),
        lambda subscription, now: _lives(subscription, now) and change.scheduled(subscription, now) is not None,
    ),
    "product": Action(
        _("Change product or quantity"),
        _("A change that waits already is replaced."),
        ProductForm,
        _change,
        lambda subscription, now: _lives(subscription, now) and not _ending(subscription, now),
    ),
    "date": Action(
        _("Move the next billing date"), _("The running cycle ends with that day's beginning."), DateForm, _move, _lives
    ),
    "pause": Action(
        _("Pause"),
        _("Cycles that begin from now on have no fee; usage is still counted and billed at their ends."),
        NoFields,
        lambda _subscription, _found, common: pause.pause(**common),
        lambda subscription, now: _stands(SubscriptionStatus.ACTIVE)(subscription, now) and not _ending(subscription, now),
    ),
    "cancel": Action(
        _("Cancel"),
        _("The last invoice bills the usage up to the end."),
        CancelForm,
        _cancel,
        lambda subscription, now: _lives(subscription, now) and not _ending(subscription, now),
        is_danger=True,
    ),
}
