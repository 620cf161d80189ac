"""Say what a new deployment still lacks before it can bill anybody, in the order in which it is best made."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from access.models import ApiKey
from customers.models import Customer
from events.models import EventName
from meters.models import Meter
from products.models import Product, Subscription


@dataclass(frozen=True)
class Step:
    """Something to be made once. why: what for.  view: the address name of the page that makes it, or tells how."""

    label: str | Promise
    why: str | Promise
    view: str
    is_made: Callable[[], bool]


@dataclass(frozen=True)
class Standing:
    """A step and whether it is done; the first that is not is the next."""

    step: Step
    is_done: bool
    is_next: bool


STEPS = (
    Step(
        _("A customer"),
        _("Events are accepted for customers that exist; your own id may stand for them."),
        "dashboard:customer_new",
        Customer.objects.exists,
    ),
    Step(
        _("An API key"),
        _("Your servers post events with it. The scope ingest is enough."),
        "dashboard:key_create",
        ApiKey.objects.filter(revoked_at=None).exists,
    ),
    Step(
        _("The first events"), _("POST /api/v1/events/ingest, one or a thousand at a time."), "api:docs", EventName.objects.exists
    ),
    Step(
        _("A meter"),
        _("It turns events into a quantity, those too that came before it."),
        "dashboard:meter_new",
        Meter.objects.exists,
    ),
    Step(_("A product"), _("It says what the quantity costs."), "dashboard:product_new", Product.objects.exists),
    Step(
        _("A subscription"),
        _("It ties a customer to a product; invoices then come by themselves."),
        "dashboard:subscription_new",
        Subscription.objects.exists,
    ),
)


def standing() -> list[Standing]:
    """List the steps, or nothing when all are done. One query for each."""
    done = [step.is_made() for step in STEPS]
    if all(done):
        return []
    return [Standing(step, one, n == done.index(False)) for n, (step, one) in enumerate(zip(STEPS, done, strict=True))]
