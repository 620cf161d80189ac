"""Mark text for translation in modules that import no framework, and refuse names that nobody could read. PURE."""

import unicodedata

from core.errors import DomainError

_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})  # controls, marks that only join or direct others, and blanks of all widths


class NameBlank(DomainError):
    """A name of spaces, or of characters without a width, shows as nothing on pages and invoices."""

    code = "NAME_BLANK"


def gettext_noop(text: str) -> str:
    """Return the text itself; makemessages finds it by this function's name, and whoever shows it translates it."""
    return text


def is_blank(text: str) -> bool:
    """Tell whether a text has no character that is seen."""
    return all(unicodedata.category(character) in _UNSEEN for character in text)


def refuse_blank(text: str, *, field: str = "name") -> None:
    """Raise NameBlank for a text without a character that is seen."""
    if is_blank(text):
        raise NameBlank(f"{field} is blank: give at least one character that is not a space.", field=field)


def folded(text: str) -> str:
    """Give a text without capital letters and spaces; two that are equal so are near misses of each other."""
    return "".join(text.split()).casefold()
