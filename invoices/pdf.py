"""Print an invoice as PDF/A: the texts of invoices.document, set by typst after invoices/typeset/invoice.typ.

The texts reach typst as data, never as markup: a customer called #image("x") is printed so. What is issued gives the same bytes
whenever it is printed.
"""

from datetime import datetime
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from invoices import document, logo
from invoices.models import Invoice

CONTENT_TYPE = "application/pdf"
STANDARD = "a-2b"
_TEMPLATE = Path(__file__).parent / "typeset" / "invoice.typ"


def of_invoice(invoice: Invoice, *, now: datetime) -> bytes:
    """Print an invoice, or a draft as it would be issued at `now`; `invoice` as document.ROWS reads it.

    Raises preview.DraftNotComputable.
    """
    return render(document.of_invoice(invoice, now=now), made_at=invoice.issued_at or now)


def name(invoice: Invoice) -> str:
    """Name the file."""
    return f"{invoice}.pdf"


def render(shown: dict[str, Any], *, made_at: datetime, form: str = "pdf") -> Any:
    """Set a document's texts as one PDF, or as a PNG for each page, which is for looking at."""
    inputs = {"document": msgspec.json.encode({**shown, "logo": logo.read()}).decode()}
    compiled = partial(
        _typst().compile, _TEMPLATE, font_paths=_fonts(), sys_inputs=inputs, format=form, timestamp=made_at.replace(microsecond=0)
    )
    try:
        return compiled(pdf_standards=[STANDARD] if form == "pdf" else [])
    except _typst().TypstError as problem:
        if "could not be displayed" not in str(problem):
            raise
        # A script that no font here has, which PDF/A refuses. A box in place of a letter is still an invoice, and its text is whole.
        return compiled()


@cache
def _typst() -> Any:
    # A process that prints nothing does without its tens of megabytes.
    return import_module("typst")


@cache
def _fonts() -> Any:
    return _typst().Fonts(include_system_fonts=True, include_embedded_fonts=False, font_paths=[_TEMPLATE.parent / "fonts"])
