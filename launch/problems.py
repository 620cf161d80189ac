"""Say in one sentence why the product cannot start here, and what mends it."""


class CannotStart(Exception):
    """The machine lacks something, or something stands in the way. The message is one sentence for the person at the keyboard."""
