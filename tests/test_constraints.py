"""The database itself refuses what must not be: every named constraint and trigger is broken here by SQL, past all our code.

A constraint or trigger without a line in these tables fails the first test.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction

from invoices.models import InvoiceEvent
from tests import rows
from tests.test_admin import OURS

# Mind that a CHECK which comes out as NULL holds: a condition on a column that may be NULL needs a line in which it is.
# name of the constraint | what a copy of the newest row is given that breaks it (nothing: being a copy does) | of which rows
CONSTRAINTS = """
deployment_is_one_row                    | id = 2
billing_day_has_length                   | ends_at = starts_at
api_key_scope_known                      | scope = 'admin'
job_status_known                         | status = 'lost'
job_progress_not_negative                | progress_done = -1
job_file_name_unique                     |
job_file_chunk_unique                    |
webhook_delivery_once                    |
webhook_delivery_waiting_is_due          | next_attempt_at = NULL
customer_tax_rate_is_fraction            | tax_rate = 1.5
event_property_unique                    |
event_void_ordinal_unique                |
event_void_replacement_only_on_void      | is_void = false, ordinal = 2, replacement_id = event_id
event_conflict_unique                    |
refused_request_unique                   |
rejected_event_unique                    |
delivery_hour_unique                     |
delivery_refusal_unique                  |
meter_aggregation_known                  | aggregation = 'mean'
meter_property_for_all_but_count         | aggregation = 'sum'
meter_activity_disjoint                  | during = '[2026-01-01,2026-02-01)'
meter_activity_not_empty                 | during = 'empty'
usage_day_unique                         |
meter_quarter_unique                     |
meter_block_unique                       |
usage_block_unique                       |
roll_position_one_live                   | meter_id = NULL
price_version_number_unique              |
price_version_fixed_price_not_negative   | fixed_price = -1
price_version_currency_code              | currency = 'usd'
price_version_frequency_whole            | payment_frequency_count = NULL
price_version_frequency_whole            | payment_frequency_interval = NULL
meter_price_meter_once                   | position = 9
meter_price_position_unique              | meter_id = (SELECT min(id) FROM meters_meter)
meter_price_model_known                  | price_model = 'free', price_per_unit = 1
meter_price_unit_price_or_tiers          | price_per_unit = 1
meter_price_package_size                 | package_size = 10
meter_price_unit_price_or_tiers          | price_model = 'per_unit'
meter_price_package_size                 | price_model = 'package', price_per_unit = 1
meter_price_free_not_negative            | free_threshold = -1
meter_price_display_per_positive         | display_per = 0
meter_price_bounds_ordered               | minimum_amount = 2, maximum_amount = 1
price_tier_position_unique               |
price_tier_not_negative                  | unit_price = -1
price_tier_bound_positive                | up_to = 0
subscription_status_known                | status = 'lost'
subscription_currency_code               | currency = 'usd'
subscription_quantity_positive           | quantity = 0
subscription_ends_after_start            | ends_at = start_at - interval '1 second'
subscription_bill_from_after_start       | bill_from = start_at - interval '1 second'
next_point_not_negative                  | point = -1
subscription_phase_cycle_unique          | starts_at = starts_at + interval '1 day'
subscription_phase_start_unique          | first_cycle = 2
subscription_phase_counts_from_one       | first_cycle = 0
subscription_phase_interval_known        | interval_unit = 'Eon'
subscription_phase_quantity_positive     | quantity = 0
subscription_phase_continues_what_began  | continues_from = starts_at
subscription_pause_disjoint              | during = '[2027-01-01,2027-02-01)'
meter_already_subscribed                 | during = '[2027-01-01,2027-02-01)'
one_time_item_not_negative               | quantity = 0
productcredit_units_or_money             | currency = 'USD'
productcredit_amount_positive            | amount = 0
productcredit_cap_when_capped            | rollover = 'capped'
product_credit_position_unique           |
creditgrant_units_or_money               | amount = 0.5
creditgrant_units_or_money               | currency = NULL
creditgrant_amount_positive              | amount = 0
creditgrant_cap_when_capped              | rollover_cap = 1
creditgrant_cap_when_capped              | rollover = 'capped'
credit_grant_expires_after_start         | expires_at = effective_at
credit_grant_renewal_whole               | renewal_interval = 'Month'
credit_grant_renewal_whole               | renews = true, renewal_interval = 'Month'
credit_grant_renewal_whole               | renews = true, renewal_count = 1
credit_grant_renews_by_something         | renews = true, subscription_id = NULL
credit_grant_of_product_has_subscription | product_credit_id = (SELECT max(id) FROM credits_productcredit), subscription_id = NULL
grant_period_unique                      |
grant_period_has_length                  | ends_at = starts_at
credit_entry_kind_known                  | kind = 'found', amount = -1
credit_entry_sign                        | amount = -1
wallet_entry_once                        | idempotency_key = 'once'
wallet_entry_not_negative                | amount = 0, after_balance = 0
wallet_entry_adds_up                     | after_balance = 7
low_balance_one_open                     |
seller_is_one_row                        | id = 2
seller_tax_rate_is_fraction              | default_tax_rate = 1.5
invoice_series_year_unique               |
invoice_series_known                     | series = 'XXX'
invoice_point_once                       | series_number = 999, number = 'X' | status = 'issued' AND kind = 'regular'
invoice_adjustment_once                  | | kind = 'adjustment'
invoice_credit_note_once                 | | kind = 'credit_note'
invoice_number_once                      | point = 999 | status = 'issued' AND kind = 'regular'
invoice_kind_known                       | kind = 'gift' | status = 'draft'
invoice_status_known                     | status = 'lost' | status = 'issued' AND kind = 'regular'
invoice_currency_code                    | currency = 'usd' | status = 'draft'
invoice_period_ordered                   | period_end = period_start - interval '1 second' | status = 'draft'
invoice_point_not_negative               | point = -1 | status = 'draft'
invoice_numbered_when_issued             | number = NULL | status = 'issued' AND kind = 'regular'
invoice_total_adds_up                    | total = total + 1 | status = 'issued' AND kind = 'regular'
invoice_total_not_negative               | subtotal = -5, total = -5 | status = 'issued' AND kind = 'regular'
invoice_carries_what_is_below_zero       | carried_forward_amount = -1 | status = 'issued' AND kind = 'regular'
invoice_corrects_if_credit_note          | kind = 'credit_note' | status = 'draft'
invoice_paid_when_paid                   | status = 'paid' | status = 'issued' AND kind = 'regular'
invoice_voided_when_void                 | status = 'void' | status = 'issued' AND kind = 'regular'
invoice_line_position_unique             |
invoice_line_kind_known                  | kind = 'gift'
invoice_line_period_ordered              | period_end = period_start - interval '1 second'
invoice_line_usage_is_provable           | snapshot_id = NULL
invoice_line_adjusts_one                 | kind = 'adjustment'
invoice_tax_rate_once                    |
invoice_credit_positive                  | amount = 0
late_usage_once                          |
remark_change_known                      | remark = 'note'
late_usage_state_known                   | state = 'lost'
late_usage_period_ordered                | period_end = period_start
late_decision_known                      | snapshot_id = NULL
late_scan_is_one_row                     | id = 2
"""

NEVER_DELETED = [
    "api_key_never_deleted",
    "customer_never_deleted",
    "event_name_never_deleted",
    "event_conflict_never_deleted",
    "meter_never_deleted",
    "meter_activity_never_deleted",
    "product_never_deleted",
    "subscription_never_deleted",
    "subscription_pause_never_deleted",
    "credit_grant_never_deleted",
    "grant_period_never_deleted",
    "late_usage_never_deleted",
    "invoice_series_never_deleted",
]

# name of the trigger: a column that any other code might try to change
APPEND_ONLY = {
    "webhook_message_append_only": "payload",
    "webhook_attempt_append_only": "error",
    "event_append_only": "metadata",
    "event_void_append_only": "reason",
    "log_snapshot_append_only": "taken_at",
    "price_version_append_only": "fixed_price",
    "meter_price_append_only": "free_threshold",
    "price_tier_append_only": "unit_price",
    "one_time_item_append_only": "amount",
    "product_credit_append_only": "amount",
    "credit_entry_append_only": "amount",
    "wallet_entry_append_only": "amount",
    "invoice_line_append_only": "amount",
    "invoice_tax_append_only": "amount",
    "invoice_credit_append_only": "amount",
    "invoice_event_append_only": "reason",
    "remark_change_append_only": "after",
    "verification_append_only": "holds",
    "late_decision_append_only": "reason",
}
NEVER_EMPTIED = {f"{name.rsplit('_', 2)[0]}_never_emptied" for name in (*NEVER_DELETED, *APPEND_ONLY, "invoice_never_deleted")}
# name of the trigger: columns that refer to rows which are never deleted
REFERS = {
    "credit_entry_refers": ["period_id"],
    "invoice_refers": ["customer_id", "subscription_id", "series_id", "snapshot_id"],
    "invoice_line_refers": ["meter_id", "snapshot_id", "adjusts_id"],
    "invoice_credit_refers": ["period_id", "line_id"],
}
# name of the trigger: the column that refers to what may be written later in the same transaction
REFERS_AT_COMMIT = {
    "invoice_line_refers": "invoice_id",
    "invoice_tax_refers": "invoice_id",
    "invoice_credit_refers": "invoice_id",
    "invoice_event_refers": "invoice_id",
}
BY_THEMSELVES = {"invoice_frozen", "invoice_kept", "invoice_refers_when_changed", "meter_definition_stands"}
OF_HISTORY = {"insert_insert", "update_update", "delete_delete", "password_changed_update"}  # they write down, and refuse nothing

LINES = [tuple(part.strip() for part in (line + "||").split("|")[:3]) for line in CONSTRAINTS.strip().splitlines()]


def our_models() -> list[type[models.Model]]:
    return [m for m in apps.get_models() if m._meta.app_label in OURS and not hasattr(m, "pgh_tracked_model")]


def constraints() -> Iterator[tuple[str, type[models.Model]]]:
    for model in our_models():
        yield from ((constraint.name, model) for constraint in model._meta.constraints)


def triggers() -> Iterator[tuple[str, type[models.Model]]]:
    for model in our_models():
        named = [trigger.name for trigger in getattr(model._meta, "triggers", [])]
        yield from ((name, model) for name in named if name not in OF_HISTORY)


MODEL_OF = dict(constraints()) | dict(triggers())


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def copy_of_newest(model: type[models.Model], overrides: str, where: str) -> str:
    """Word an INSERT of a copy of the newest row, with some columns given otherwise and what is unique by itself made anew."""
    given = dict(tuple(part.strip() for part in one.split(" = ", 1)) for one in overrides.split(", ") if one)
    columns = {}
    for field in model._meta.concrete_fields:
        unique_text = field.unique and isinstance(field, models.CharField)
        if field.column in given or not isinstance(field, models.AutoField):
            columns[field.column] = given.get(field.column) or (
                f"right({field.column} || gen_random_uuid(), 20)" if unique_text else field.column
            )
    table, key = model._meta.db_table, model._meta.pk.column
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns.values())}"
        f" FROM {table} WHERE {where or 'true'} ORDER BY {key} DESC LIMIT 1"
    )


@pytest.fixture
def filled(db: None) -> None:
    for _ in range(2):
        rows.of_every_table()
    sold = rows.subscription(rows.customer())
    rows.draft(sold, kind="adjustment")
    rows.issued(sold, kind="credit_note", corrects=rows.issued(sold), subtotal=-5, total=-5)


def refusal_of(sql: str) -> tuple[str | None, str]:
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        run(sql)
    cause: Any = refused.value.__cause__
    return cause.diag.constraint_name, str(refused.value).splitlines()[0]


def test_every_constraint_and_trigger_has_a_line() -> None:
    referring = set(REFERS) | set(REFERS_AT_COMMIT)
    listed = {name for name, *_rest in LINES} | set(NEVER_DELETED) | set(APPEND_ONLY) | NEVER_EMPTIED | referring

    assert listed | BY_THEMSELVES == set(MODEL_OF)


@pytest.mark.usefixtures("filled")
def test_the_named_constraint_refuses_what_breaks_it() -> None:
    found = {}
    for name, overrides, where in LINES:
        if name == "wallet_entry_once":
            run(copy_of_newest(MODEL_OF[name], overrides, where))
        found[name, overrides] = refusal_of(copy_of_newest(MODEL_OF[name], overrides, where))[0]

    assert {line: refused for line, refused in found.items() if refused != line[0]} == {}


@pytest.mark.usefixtures("filled")
def test_what_others_refer_to_for_ever_is_never_deleted() -> None:
    for name in NEVER_DELETED:
        table = MODEL_OF[name]._meta.db_table
        assert refusal_of(f"DELETE FROM {table}")[1] == f"pgtrigger: Cannot delete rows from {table} table"


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("statement", ["DELETE FROM {table}", "UPDATE {table} SET {column} = {column}"])
def test_history_is_neither_changed_nor_deleted(statement: str) -> None:
    for name, column in APPEND_ONLY.items():
        table = MODEL_OF[name]._meta.db_table
        assert refusal_of(statement.format(table=table, column=column))[1] == (
            f"pgtrigger: Cannot update or delete rows from {table} table"
        )


@pytest.mark.usefixtures("filled")
def test_what_is_kept_is_never_emptied() -> None:
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run("SET LOCAL tallybook.may_be_emptied = off")

    for name in NEVER_EMPTIED:
        table = MODEL_OF[name]._meta.db_table
        assert refusal_of(f"TRUNCATE {table} CASCADE")[1] == f"{table} is kept for ever: it is never emptied"


@pytest.mark.usefixtures("filled")
def test_what_is_referred_to_must_be_there() -> None:
    unique = {"invoice_refers": ", point = 999, number = 'X', series_number = 999", "invoice_line_refers": ", position = 999"}
    issued = {"invoice_refers": "status = 'issued' AND kind = 'regular'"}
    for name, columns in REFERS.items():
        for column in columns:
            overrides = f"{column} = -1{unique.get(name, '')}"
            assert refusal_of(copy_of_newest(MODEL_OF[name], overrides, issued.get(name, "")))[0] == name


@pytest.mark.usefixtures("filled")
def test_what_is_referred_to_must_be_there_when_the_transaction_commits() -> None:
    for name, column in REFERS_AT_COMMIT.items():
        written = copy_of_newest(MODEL_OF[name], f"{column} = -1", "")
        assert refusal_of(f"{written}; SET CONSTRAINTS ALL IMMEDIATE")[0] == name
    run("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.usefixtures("filled")
def test_a_draft_refers_to_what_is_there_after_every_change_too() -> None:
    for column in REFERS["invoice_refers"]:
        change = f"UPDATE invoices_invoice SET {column} = -1 WHERE status = 'draft'"
        # The last two are NULL while it is a draft, which a constraint of their own sees to.
        assert refusal_of(change)[0] in {"invoice_refers_when_changed", "invoice_numbered_when_issued"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "total = total + 1, subtotal = subtotal + 1",
        "customer_copy = '{}'::jsonb || '{\"name\": \"Other\"}'",
        "issued_at = issued_at + interval '1 second'",
        "memo = 'a word more'",
        "status = 'draft', number = NULL, series_id = NULL, series_number = NULL, issued_at = NULL",
    ],
)
def test_an_issued_invoice_is_frozen(change: str) -> None:
    rows.issued(rows.subscription(rows.customer()))

    assert refusal_of(f"UPDATE invoices_invoice SET {change}")[0] == "invoice_frozen"


@pytest.mark.django_db
def test_an_issued_invoice_is_never_deleted_and_a_draft_may_be_unless_something_refers_to_it() -> None:
    sold = rows.subscription(rows.customer())
    rows.draft(sold)
    run("DELETE FROM invoices_invoice")
    draft = rows.draft(sold)
    with transaction.atomic():
        InvoiceEvent.objects.create(invoice=draft, to_status="draft", actor_kind="system", created_at=rows.NOW)
        assert refusal_of("DELETE FROM invoices_invoice")[0] == "invoice_kept"
        transaction.set_rollback(True)
    run("DELETE FROM invoices_invoice")
    rows.issued(sold)

    assert refusal_of("DELETE FROM invoices_invoice")[0] == "invoice_frozen"


@pytest.mark.django_db
def test_an_issued_invoice_goes_through_the_four_transitions_and_no_other() -> None:
    invoice = rows.issued(rows.subscription(rows.customer()))
    paid = "status = 'paid', paid_at = now(), amount_paid = 1000"

    run(f"UPDATE invoices_invoice SET {paid}")
    run("UPDATE invoices_invoice SET status = 'issued', paid_at = NULL, amount_paid = 0")
    run(f"UPDATE invoices_invoice SET {paid}")
    run("UPDATE invoices_invoice SET status = 'void', voided_at = now(), void_outcome = 'waive'")

    name, message = refusal_of("UPDATE invoices_invoice SET status = 'issued', voided_at = NULL, void_outcome = NULL")
    assert name == "invoice_frozen"
    assert message == f"invoice {invoice.number} cannot go from void to issued"


@pytest.mark.django_db
def test_a_meter_changes_until_it_has_counted_something() -> None:
    meter = rows.meter()
    run("UPDATE meters_meter SET event_name = 'other'")
    run(
        "INSERT INTO meters_meterquarter (meter_id, starts_at, event_count, log_epoch, log_xid, log_arrival)"
        f" VALUES ({meter.id}, '2026-03-01Z', 1, 1, '1000', 1)"
    )
    run("UPDATE meters_meter SET name = 'Other', description = 'New', measurement_unit = 'tokens'")

    for change in ("event_name = 'third'", "aggregation = 'sum', over_property = 'n'", "filter = '{}'"):
        assert refusal_of(f"UPDATE meters_meter SET {change}")[0] == "meter_definition_stands"


@pytest.mark.django_db
def test_two_meters_of_one_customer_may_run_one_after_the_other() -> None:
    """The exclusion is of overlaps: half-open stretches that touch do not overlap."""
    payer, meter = rows.customer(), rows.meter()
    sold = rows.subscription(payer)
    for during in ("[2026-01-01, 2026-02-01)", "[2026-02-01, 2026-03-01)"):
        run(
            "INSERT INTO products_subscriptionmeter (customer_id, meter_id, subscription_id, during)"
            f" VALUES ({payer.id}, {meter.id}, {sold.id}, '{during}')"
        )
