"""Hand back what is written to a file while it is written, so that it can be sent on piece by piece. PURE."""


class Sink:
    """A file without an end that cannot seek: it knows its size, and gives away what it holds. size: bytes written before it, at first."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self._held = bytearray()

    def write(self, piece: bytes) -> int:
        self._held += piece
        self.size += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Nothing is kept back."""

    def take(self) -> bytes:
        """Give what was written since the last time."""
        taken = bytes(self._held)
        self._held.clear()
        return taken
