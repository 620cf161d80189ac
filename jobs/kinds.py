"""Know every kind of job by name; apps above this one register theirs when they start."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise
from django.utils.module_loading import import_string

from core.errors import DomainError

if TYPE_CHECKING:
    from jobs.run import Run


class JobKindUnknown(DomainError):
    code = "JOB_KIND_UNKNOWN"


@dataclass(frozen=True)
class Kind:
    """What a job of this name does.

    work: the dotted path of a function that takes a jobs.run.Run, goes on from its position, and returns the outcome as JSON.
    A path, not the function, so that registering imports nothing.
    """

    name: str
    label: str | Promise
    work: str

    def function(self) -> Callable[["Run"], dict[str, Any]]:
        """Import the function that does the work."""
        function: Callable[[Run], dict[str, Any]] = import_string(self.work)
        return function


_KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Make a kind known; called in AppConfig.ready. Another kind of the same name raises ValueError."""
    if _KINDS.setdefault(kind.name, kind) != kind:
        raise ValueError(f"Two kinds of job are called {kind.name}")


def kind(name: str) -> Kind:
    """Find a kind by name. Raises JobKindUnknown."""
    try:
        return _KINDS[name]
    except KeyError:
        raise JobKindUnknown(f"There is no kind of job called {name}.", field="kind") from None


def all_kinds() -> tuple[Kind, ...]:
    """List every registered kind by name."""
    return tuple(_KINDS[name] for name in sorted(_KINDS))
