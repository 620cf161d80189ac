"""Hold charges and cycles to the sums of the golden cases, line by line."""

import pytest

from invoices.assemble import invoice
from tests.golden import adjustment_facts, cycle_facts, invoice_facts, lived_facts
from tests.golden.cases import HERE, Case, CaseUnreadable, cases, unread

FOLDERS = ("invoices", "cycles", "adjustments", "credits", "ended", "voids")
INVOICES, CYCLES, ADJUSTMENTS, CREDITS, ENDED, VOIDS = map(cases, FOLDERS)
ALL = INVOICES + CYCLES + ADJUSTMENTS + CREDITS + ENDED + VOIDS


def named(case):
    return f"{case.file}: {case.title}"


def given_by(case):
    facts = invoice_facts.read(case)
    return list(invoice_facts.render(invoice(inputs=invoice_facts.inputs(facts)), facts))


@pytest.mark.parametrize("case", INVOICES, ids=named)
def test_an_invoice_comes_out_line_by_line(case):
    assert given_by(case) == list(case.gives)


@pytest.mark.parametrize("case", CYCLES, ids=named)
def test_cycles_come_out_line_by_line(case):
    assert list(cycle_facts.render(case)) == list(case.gives)


@pytest.mark.parametrize("case", ADJUSTMENTS, ids=named)
def test_what_came_late_is_adjusted_line_by_line(case):
    assert list(adjustment_facts.render(case)) == list(case.gives)


@pytest.mark.django_db
@pytest.mark.parametrize("case", CREDITS, ids=named)
def test_credit_is_used_renewed_and_written_off_line_by_line(case):
    assert list(lived_facts.render(case)) == list(case.gives)


@pytest.mark.django_db(transaction=True)  # snapshots tell committed events only
@pytest.mark.parametrize("case", ENDED + VOIDS, ids=named)
def test_what_comes_after_the_end_or_a_void_is_billed_line_by_line(case):
    assert list(lived_facts.render(case)) == list(case.gives)


def test_every_golden_file_is_read():
    assert not unread(FOLDERS)
    assert {path.name for path in HERE.rglob("*.txt")} == {case.file for case in ALL}


def test_every_title_stands_once():
    titles = [named(case) for case in ALL]

    assert len(titles) == len(set(titles))


@pytest.mark.parametrize(
    "facts",
    [(("invoce", "USD"),), (("invoice", "USD", "2026-06-01", "2026-07-01"), ("fee", "1", "2026-06-01", "2026-07-01", "x"))],
)
def test_an_unknown_word_fails(facts):
    with pytest.raises(CaseUnreadable):
        invoice_facts.read(Case("", "", facts, ()))


SMS = """
case One SMS
  invoice USD 2026-06-01 2026-07-01
  meter sms count per_unit 1
  use sms 2026-06-10 1
gives
  usage sms: quantity 1, free 0, credited 0, chargeable 1, unrounded 1, amount 1
  subtotal 1, tax 0, total 1, due 1
"""


def written(text, folder):
    (folder / "invoices").mkdir()
    (folder / "invoices/bad.txt").write_text(text)
    return cases("invoices", here=folder)


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        (("", ""), True),
        (("amount 1\n", "amount 2\n"), False),  # another amount
        (("amount 1\n", "amount 1\n  tax 10%: base 1, amount 0\n"), False),  # a line too many
        (("  subtotal 1, tax 0, total 1, due 1\n", ""), False),  # a line too few
        (("  meter sms", "  fee 5 2026-07-01 2026-08-01\n  meter sms"), False),  # the invoice has a line too many
    ],
)
def test_a_case_that_differs_in_a_figure_or_a_line_fails(tmp_path, change, holds):
    (case,) = written(SMS.replace(*change), tmp_path)

    assert (given_by(case) == list(case.gives)) is holds


@pytest.mark.parametrize("text", [SMS.partition("gives")[0], SMS + "case Nothing given\n", "usage sms\n" + SMS])
def test_a_case_that_would_hold_nothing_fails(tmp_path, text):
    with pytest.raises(CaseUnreadable):
        written(text, tmp_path)


def test_a_file_that_nobody_reads_is_found(tmp_path):
    written(SMS, tmp_path)
    (tmp_path / "invoices/later.text").write_text(SMS)
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices/sms.txt").write_text(SMS)

    assert {str(path) for path in unread(FOLDERS, here=tmp_path)} == {"invoices/later.text", "prices/sms.txt"}
