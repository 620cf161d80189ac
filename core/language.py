"""Know the language of the person who reads."""

from django.utils.translation import get_language


def locale() -> str:
    """Name the reader's language as babel names it."""
    return (get_language() or "en").replace("-", "_")
