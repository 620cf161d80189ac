"""Say who did something, as text: history holds no foreign key to people. PURE."""

from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["user", "api_key", "system"]


@dataclass(frozen=True)
class Actor:
    """Who acts: a user or API key by public id, or a part of the system by name (beat, demo, command)."""

    kind: ActorKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


BEAT = Actor("system", "beat")
COMMAND = Actor("system", "command")
