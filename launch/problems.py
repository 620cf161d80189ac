"""Say in one sentence why the product cannot start here, and what mends it."""


class CannotStart(Exception):
    """The machine lacks something, or something stands in the way. The message is one sentence for the person at the keyboard."""


def refused_by_system(error: OSError) -> str:
    """Say which file or folder could not be used, and why. An error that names none is a fault of ours, and raised again."""
    if error.filename is None:
        raise error
    return f"{error.filename} cannot be used: {error.strerror}. All of the clone must be readable here, and its folder var/ writable."
