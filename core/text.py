"""Mark text for translation in modules that import no framework. PURE."""


def gettext_noop(text: str) -> str:
    """Return the text itself; makemessages finds it by this function's name, and whoever shows it translates it."""
    return text
