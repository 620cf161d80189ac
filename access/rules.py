"""Say who may open which address: one table, and what it does not name is refused. PURE.

A rule names the roles that may read an address (GET, HEAD) and those that may write to it (any other method). The middleware in
middleware.py holds every request against it, templates ask `may` what to show, the admin asks `may_model`. Addresses of the API
are open here: its keys and their scopes are judged in api/v1, where there is no session.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Who asks: nobody known, somebody who signed in, and the groups that a migration made."""

    STRANGER = "stranger"
    MEMBER = "member"
    OWNER = "owner"
    OPERATOR = "operator"
    FINANCE = "finance"
    VIEWER = "viewer"


Audience = frozenset[Role]
GROUPS = frozenset({Role.OWNER, Role.OPERATOR, Role.FINANCE, Role.VIEWER})

NOBODY: Audience = frozenset()
ANYONE = frozenset({Role.STRANGER, Role.MEMBER})
SIGNED_IN = frozenset({Role.MEMBER})
ALL = GROUPS
CONFIGURE = frozenset({Role.OWNER, Role.OPERATOR})
BILL = frozenset({Role.OWNER, Role.FINANCE})
OWN = frozenset({Role.OWNER})


@dataclass(frozen=True)
class Rule:
    """Who may read an address and who may write to it; nobody, unless named."""

    read: Audience = NOBODY
    write: Audience = NOBODY


@dataclass(frozen=True)
class ModelRule:
    """Who may do what with a model in the admin; history is what nobody may add, change or delete."""

    view: Audience
    add: Audience = NOBODY
    change: Audience = NOBODY
    delete: Audience = NOBODY


PAGES = {
    "healthz": Rule(read=ANYONE),
    "login": Rule(read=ANYONE, write=ANYONE),
    "logout": Rule(write=ANYONE),
    "password_change": Rule(read=SIGNED_IN, write=SIGNED_IN),
    "password_change_done": Rule(read=SIGNED_IN),
    "admin:index": Rule(read=ALL),
    "admin:app_list": Rule(read=ALL),
    "admin:search": Rule(read=ALL),
    "admin:autocomplete": Rule(read=ALL),
    "admin:jsi18n": Rule(read=ALL),
    "admin:login": Rule(read=ANYONE),
    "admin:logout": Rule(write=ANYONE),
    "admin:password_change": Rule(read=SIGNED_IN),
    "admin:password_change_done": Rule(read=SIGNED_IN),
    "admin:view_on_site": Rule(),
    "dashboard:home": Rule(read=ALL),
    "dashboard:home_figure": Rule(read=ALL),
    "dashboard:invoiced_figure": Rule(read=ALL),
    "dashboard:find": Rule(read=ALL),
    "dashboard:meters": Rule(read=ALL),
    "dashboard:meter_new": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:meter_preview": Rule(write=CONFIGURE),
    "dashboard:meter": Rule(read=ALL),
    "dashboard:meter_edit": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:meter_archive": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:meter_unarchive": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:meter_what_if": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:dry_run": Rule(read=ALL),
    "dashboard:meter_figure": Rule(read=ALL),
    "dashboard:meter_customers": Rule(read=ALL),
    "dashboard:meter_customers_csv": Rule(read=ALL),
    "dashboard:meter_events": Rule(read=ALL),
    "dashboard:events": Rule(read=ALL),
    "dashboard:event": Rule(read=ALL),
    "dashboard:event_voids": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:event_voids_take_back": Rule(write=CONFIGURE),
    "dashboard:event_void": Rule(write=CONFIGURE),
    "dashboard:event_unvoid": Rule(write=CONFIGURE),
    "dashboard:event_correct": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:refused": Rule(read=ALL),
    "dashboard:refused_events": Rule(read=ALL),
    "dashboard:refused_replay": Rule(write=CONFIGURE),
    "dashboard:refused_dismiss": Rule(write=CONFIGURE),
    "dashboard:refused_requests": Rule(read=ALL),
    "dashboard:refused_request": Rule(read=ALL),
    "dashboard:refused_rest_replay": Rule(write=CONFIGURE),
    "dashboard:refused_request_dismiss": Rule(write=CONFIGURE),
    "dashboard:conflicts": Rule(read=ALL),
    "dashboard:conflict": Rule(read=ALL),
    "dashboard:conflict_dismiss": Rule(write=CONFIGURE),
    "dashboard:conflict_correct": Rule(write=CONFIGURE),
    "dashboard:delivery": Rule(read=ALL),
    "dashboard:delivery_export": Rule(read=ALL),
    "dashboard:delivery_key": Rule(read=ALL),
    "dashboard:delivery_figure": Rule(read=ALL),
    "dashboard:customers": Rule(read=ALL),
    "dashboard:customer_new": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:customer_edit": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:customer_archive": Rule(write=CONFIGURE),
    "dashboard:customer_unarchive": Rule(write=CONFIGURE),
    "dashboard:customer_choices": Rule(read=ALL),
    "dashboard:event_name_choices": Rule(read=ALL),
    "dashboard:customer": Rule(read=ALL),
    "dashboard:customer_credit": Rule(read=ALL),
    "dashboard:grant_new": Rule(read=CONFIGURE | BILL, write=CONFIGURE | BILL),
    "dashboard:grant": Rule(read=ALL),
    "dashboard:grant_top_up": Rule(write=CONFIGURE | BILL),
    "dashboard:grant_threshold": Rule(write=CONFIGURE | BILL),
    "dashboard:grant_void": Rule(write=CONFIGURE | BILL),
    "dashboard:products": Rule(read=ALL),
    "dashboard:product": Rule(read=ALL),
    "dashboard:product_new": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:product_edit": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:product_simulate": Rule(read=CONFIGURE | BILL, write=CONFIGURE | BILL),
    "dashboard:price_simulation": Rule(read=ALL),
    "dashboard:product_archive": Rule(write=CONFIGURE),
    "dashboard:product_unarchive": Rule(write=CONFIGURE),
    "dashboard:subscriptions": Rule(read=ALL),
    "dashboard:subscription": Rule(read=ALL),
    "dashboard:subscription_new": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:subscription_change": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:invoices": Rule(read=ALL),
    "dashboard:invoice": Rule(read=ALL),
    "dashboard:invoice_pdf": Rule(read=ALL),
    "dashboard:invoices_export": Rule(read=ALL),
    "dashboard:invoices_export_job": Rule(write=CONFIGURE | BILL),
    "dashboard:invoices_pay": Rule(read=BILL, write=BILL),
    "dashboard:invoice_remarks": Rule(write=BILL),
    "dashboard:invoice_issue": Rule(write=BILL),
    "dashboard:invoice_pay": Rule(write=BILL),
    "dashboard:invoice_unpay": Rule(write=BILL),
    "dashboard:invoice_void": Rule(read=BILL, write=BILL),
    "dashboard:invoice_verify": Rule(read=ALL, write=CONFIGURE | BILL),
    "dashboard:receivables": Rule(read=ALL),
    "dashboard:receivables_export": Rule(read=ALL),
    "dashboard:review": Rule(read=ALL),
    "dashboard:review_issue": Rule(write=BILL),
    "dashboard:verifications": Rule(read=ALL),
    "dashboard:verifications_begin": Rule(write=CONFIGURE | BILL),
    "dashboard:line_events": Rule(read=ALL),
    "dashboard:line_events_csv": Rule(read=ALL),
    "dashboard:late_usage": Rule(read=ALL),
    "dashboard:late_usage_one": Rule(read=ALL),
    "dashboard:late_usage_decide": Rule(write=BILL),
    "dashboard:jobs": Rule(read=ALL),
    "dashboard:job": Rule(read=ALL),
    "dashboard:job_cancel": Rule(write=CONFIGURE | BILL),
    "dashboard:job_resume": Rule(write=CONFIGURE | BILL),
    "dashboard:job_file": Rule(read=ALL),
    "dashboard:webhooks": Rule(read=CONFIGURE),
    "dashboard:webhook_create": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:webhook": Rule(read=CONFIGURE),
    "dashboard:webhook_edit": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:webhook_secret": Rule(write=CONFIGURE),
    "dashboard:webhook_switch": Rule(write=CONFIGURE),
    "dashboard:webhook_delete": Rule(write=CONFIGURE),
    "dashboard:webhook_test": Rule(write=CONFIGURE),
    "dashboard:webhook_resend": Rule(write=CONFIGURE),
    "dashboard:keys": Rule(read=CONFIGURE),
    "dashboard:key_create": Rule(read=CONFIGURE, write=CONFIGURE),
    "dashboard:key_revoke": Rule(write=CONFIGURE),
}

NAMESPACES = {
    "api": Rule(read=ANYONE, write=ANYONE),
}

MODELS = {
    "core.deployment": ModelRule(view=ALL),
    "core.billingday": ModelRule(view=ALL),
    "access.user": ModelRule(view=OWN, add=OWN, change=OWN),
    "access.userhistory": ModelRule(view=OWN),
    "access.rolehistory": ModelRule(view=OWN),
    "access.apikey": ModelRule(view=CONFIGURE, change=CONFIGURE),
    "access.apikeyhistory": ModelRule(view=CONFIGURE),
    "axes.accessattempt": ModelRule(view=OWN, delete=OWN),
    "jobs.job": ModelRule(view=ALL),
    "jobs.jobfile": ModelRule(view=ALL),
    "jobs.jobfilechunk": ModelRule(view=ALL),
    "webhooks.webhookendpoint": ModelRule(view=CONFIGURE),
    "webhooks.webhookendpointhistory": ModelRule(view=CONFIGURE),
    "webhooks.webhookmessage": ModelRule(view=CONFIGURE),
    "webhooks.webhookdelivery": ModelRule(view=CONFIGURE),
    "webhooks.webhookattempt": ModelRule(view=CONFIGURE),
    "customers.customer": ModelRule(view=ALL, add=CONFIGURE, change=CONFIGURE),
    "customers.customerhistory": ModelRule(view=ALL),
    "events.eventname": ModelRule(view=ALL),
    "events.eventproperty": ModelRule(view=ALL),
    "events.event": ModelRule(view=ALL),
    "events.eventvoid": ModelRule(view=ALL),
    "events.eventconflict": ModelRule(view=ALL),
    "events.refusedrequest": ModelRule(view=CONFIGURE),
    "events.refusedcompanions": ModelRule(view=CONFIGURE),
    "events.rejectedevent": ModelRule(view=ALL),
    "events.deliveryhour": ModelRule(view=ALL),
    "events.deliveryrefusal": ModelRule(view=ALL),
    "events.logsnapshot": ModelRule(view=ALL),
    "meters.meter": ModelRule(view=ALL, change=CONFIGURE),
    "meters.meterhistory": ModelRule(view=ALL),
    "meters.meteractivity": ModelRule(view=ALL),
    "meters.usageday": ModelRule(view=ALL),
    "meters.meterquarter": ModelRule(view=ALL),
    "meters.meterblock": ModelRule(view=ALL),
    "meters.usageblock": ModelRule(view=ALL),
    "meters.rollposition": ModelRule(view=ALL),
    "products.product": ModelRule(view=ALL, change=CONFIGURE),
    "products.producthistory": ModelRule(view=ALL),
    "products.priceversion": ModelRule(view=ALL),
    "products.meterprice": ModelRule(view=ALL),
    "products.pricetier": ModelRule(view=ALL),
    "products.subscription": ModelRule(view=ALL),
    "products.subscriptionhistory": ModelRule(view=ALL),
    "products.nextpoint": ModelRule(view=ALL),
    "products.subscriptionphase": ModelRule(view=ALL),
    "products.subscriptionphasehistory": ModelRule(view=ALL),
    "products.subscriptionpause": ModelRule(view=ALL),
    "products.subscriptionmeter": ModelRule(view=ALL),
    "products.onetimeitem": ModelRule(view=ALL),
    "credits.productcredit": ModelRule(view=ALL),
    "credits.creditgrant": ModelRule(view=ALL, add=CONFIGURE),
    "credits.creditgranthistory": ModelRule(view=ALL),
    "credits.grantperiod": ModelRule(view=ALL),
    "credits.creditentry": ModelRule(view=ALL),
    "credits.walletentry": ModelRule(view=ALL),
    "credits.lowbalance": ModelRule(view=ALL),
    "invoices.seller": ModelRule(view=ALL, change=CONFIGURE),
    "invoices.sellerhistory": ModelRule(view=ALL),
    "invoices.invoiceseries": ModelRule(view=ALL),
    "invoices.invoice": ModelRule(view=ALL),
    "invoices.invoiceline": ModelRule(view=ALL),
    "invoices.invoicetax": ModelRule(view=ALL),
    "invoices.invoicecredit": ModelRule(view=ALL),
    "invoices.invoiceevent": ModelRule(view=ALL),
    "invoices.remarkchange": ModelRule(view=ALL),
    "invoices.verification": ModelRule(view=ALL),
    "invoices.lateusage": ModelRule(view=ALL),
    "invoices.latedecision": ModelRule(view=ALL),
    "invoices.latescan": ModelRule(view=ALL),
    "api.pageend": ModelRule(view=OWN),
}


def _of_models() -> Iterator[tuple[str, Rule]]:
    """Give the addresses that Django's admin makes for each model; a changelist is written to by its actions."""
    for label, rule in MODELS.items():
        stem = "admin:" + label.replace(".", "_")
        yield f"{stem}_changelist", Rule(read=rule.view, write=rule.change | rule.delete)
        yield f"{stem}_add", Rule(read=rule.add, write=rule.add)
        yield f"{stem}_change", Rule(read=rule.view, write=rule.change)
        yield f"{stem}_delete", Rule(read=rule.delete, write=rule.delete)
        yield f"{stem}_history", Rule(read=rule.view)
    yield "admin:auth_user_password_change", Rule(read=OWN, write=OWN)


RULES = {**PAGES, **dict(_of_models())}
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def rule_of(name: str) -> Rule | None:
    """Give the rule of a URL name with its namespaces ("admin:index"), or None where the table has none."""
    return RULES.get(name) or NAMESPACES.get(name.partition(":")[0])


def audience(name: str, method: str) -> Audience:
    """Say which roles may send a request of this method to a URL name; nobody where there is no rule."""
    rule = rule_of(name) or Rule()
    return rule.read if method in READING else rule.write


def may(roles: Iterable[Role], name: str) -> bool:
    """Say whether a link or button to a URL name is shown: whether it opens, or, where nothing opens, takes what is sent."""
    rule = rule_of(name) or Rule()
    return not (rule.read or rule.write).isdisjoint(roles)


def may_write(roles: Iterable[Role], name: str) -> bool:
    """Say whether a form on the page of a URL name is shown."""
    return not audience(name, "POST").isdisjoint(roles)


def may_model(roles: Iterable[Role], label: str, verb: str) -> bool:
    """Say whether the admin lets these roles do a verb (view, add, change, delete) to a model (app.model, lower case)."""
    rule = MODELS.get(label)
    return rule is not None and not getattr(rule, verb).isdisjoint(roles)
