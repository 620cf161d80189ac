"""Hold charges and cycles to the sums of the golden cases, line by line."""

import pytest

from invoices.assemble import invoice
from tests.golden import adjustment_facts, cycle_facts, invoice_facts
from tests.golden.cases import HERE, Case, CaseUnreadable, cases

INVOICES = cases("invoices")
CYCLES = cases("cycles")
ADJUSTMENTS = cases("adjustments")


def named(case):
    return f"{case.file}: {case.title}"


@pytest.mark.parametrize("case", INVOICES, ids=named)
def test_an_invoice_comes_out_line_by_line(case):
    facts = invoice_facts.read(case)

    lines = list(invoice_facts.render(invoice(inputs=invoice_facts.inputs(facts)), facts))

    assert lines == list(case.gives)


@pytest.mark.parametrize("case", CYCLES, ids=named)
def test_cycles_come_out_line_by_line(case):
    assert list(cycle_facts.render(case)) == list(case.gives)


@pytest.mark.parametrize("case", ADJUSTMENTS, ids=named)
def test_what_came_late_is_adjusted_line_by_line(case):
    assert list(adjustment_facts.render(case)) == list(case.gives)


def test_every_golden_file_is_read():
    found = {path.relative_to(HERE) for path in HERE.rglob("*.txt")}
    read = {path.relative_to(HERE) for folder in ("invoices", "cycles", "adjustments") for path in (HERE / folder).glob("*.txt")}
    used = {case.file for case in INVOICES + CYCLES + ADJUSTMENTS}

    assert found == read
    assert {path.name for path in found} == used


def test_every_title_stands_once():
    titles = [named(case) for case in INVOICES + CYCLES + ADJUSTMENTS]

    assert len(titles) == len(set(titles))


@pytest.mark.parametrize(
    "facts",
    [(("invoce", "USD"),), (("invoice", "USD", "2026-06-01", "2026-07-01"), ("fee", "1", "2026-06-01", "2026-07-01", "x"))],
)
def test_an_unknown_word_fails(facts):
    with pytest.raises(CaseUnreadable):
        invoice_facts.read(Case("", "", facts, ()))
