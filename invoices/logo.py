"""Read the logo that printed invoices carry; it imports no table, so that a check can ask before any is loaded."""

from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

FORMATS = {".png": "png", ".jpg": "jpg", ".jpeg": "jpg", ".svg": "svg", ".gif": "gif", ".webp": "webp"}


def is_readable() -> bool:
    """Say whether INVOICE_LOGO is empty or names a picture that can be printed."""
    path = Path(settings.INVOICE_LOGO)
    return not settings.INVOICE_LOGO or (path.is_file() and path.suffix.lower() in FORMATS)


def read() -> dict[str, Any] | None:
    """Give the picture's format and bytes as JSON can hold them; None where there is none."""
    return _read(Path(settings.INVOICE_LOGO)) if settings.INVOICE_LOGO else None


@cache
def _read(path: Path) -> dict[str, Any]:
    return {"format": FORMATS[path.suffix.lower()], "bytes": list(path.read_bytes())}
