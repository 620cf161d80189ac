"""Do the work of one billing run in several processes, to the same invoices and numbers as in one.

# Note [Two tokens]
The processes form a ring. Whoever holds the claim token locks the next chunk and passes the token on with the place up to which everything
is locked, so that the next process reads and assembles the chunk behind it meanwhile. Whoever holds the commit token has every earlier
chunk committed before it, takes numbers, commits and passes that token on. Where a chunk leaves something behind that comes before the
chunks after it (an invoice below zero, whose rest the customer's next one uses), those are rolled back, and a new round begins there.
A process that dies closes its pipes: the others roll back and end, and what they committed stands.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import Any, TypeVar

from django.db import connection

from access.actors import Actor
from access.history import acting
from core.faults import fault
from invoices import issue
from invoices.due import BEGINNING, Position
from invoices.issue import Issued, Turn, summed

_FORK = multiprocessing.get_context("fork")
_ENDED = "A process of the billing run ended before its time. What it committed stands: start the run again."
Part = TypeVar("Part")
Done = TypeVar("Done")


class BillingProcessEnded(RuntimeError):
    """A process of the run died; what is committed stands, and another run goes on from there."""


class _StartOver(Exception):
    """An earlier chunk left something behind, or its process ended: what was claimed behind it is rolled back."""


@dataclass
class _Ends:
    """One process's ends of the ring's pipes."""

    claim_in: Connection
    claim_out: Connection
    commit_in: Connection
    commit_out: Connection


class _InTurn(Turn):
    """Passes the claim token on when a chunk's customers are locked, and waits for the commit token."""

    def __init__(self, ends: _Ends) -> None:
        self._ends = ends
        self.has_passed = False

    def claimed(self, upto: Position) -> None:
        self._ends.claim_out.send(upto)
        self.has_passed = True

    def wait(self) -> None:
        if not _received(self._ends.commit_in):
            raise _StartOver


def issue_due(*, now: datetime, actor: Actor, processes: int) -> Issued:
    """Issue everything whose grace is over at `now`, in so many processes. Raises BillingProcessEnded. See Note [Two tokens].

    Within a transaction always in this one: other processes have connections of their own.
    """
    done = Issued()
    is_over = processes < 2 or connection.in_atomic_block
    while not is_over:
        again, found = _round(now, actor, processes)
        done = summed([done, found])
        is_over = not again
    return summed([done, issue.issue_due(now=now, actor=actor)])


def spread(work: Callable[[Part], Done], parts: Sequence[Part], *, processes: int) -> list[Done]:
    """Do a function with each part, in so many processes; give what came of them, in order. Raises BillingProcessEnded.

    Within a transaction always in this one, see issue_due. Where this process dies, the others end behind the part that they are at.
    """
    count = min(processes, len(parts))
    if count < 2 or connection.in_atomic_block:
        return [work(part) for part in parts]
    _disconnect()
    results = [_FORK.Pipe(duplex=False) for _ in range(count)]
    running = []
    for i, (_, own) in enumerate(results):
        others = [end for pipe in results for end in pipe if end is not own]
        running.append(_FORK.Process(target=_share, args=(work, parts[i::count], own, others)))
    for process in running:
        process.start()
    answers = _gathered(running, results, [results[n % count][0] for n in range(len(parts))])
    return [done for (done,) in answers]


def _share(work: Callable[[Part], Done], parts: Sequence[Part], result: Connection, others: Sequence[Connection]) -> None:
    _close(others)
    for part in parts:
        result.send((work(part),))
    connection.close()


def _gathered(
    running: Sequence[ForkProcess], results: Sequence[tuple[Connection, Connection]], expected: Iterable[Connection]
) -> list[Any]:
    """Read what started processes send over the pipes `results`, in the order in which it is expected, until they have ended."""
    for _, outgoing in results:
        outgoing.close()
    answers = [_received(incoming) for incoming in expected]
    for process in running:
        process.join()
    if None in answers:
        raise BillingProcessEnded(_ENDED)
    return answers


def _disconnect() -> None:
    """Close what a fork would share with the process that it leaves."""
    connection.close()
    if hasattr(connection, "close_pool"):
        connection.close_pool()


def _round(now: datetime, actor: Actor, processes: int) -> tuple[bool, Issued]:
    """Run the ring until nothing is due, or until it has to start over; tell whether it has, and what it did."""
    _disconnect()
    claims, commits, results = ([_FORK.Pipe(duplex=False) for _ in range(processes)] for _ in range(3))
    claims[0][1].send(BEGINNING)
    commits[0][1].send(True)
    running = []
    for i in range(processes):
        following = (i + 1) % processes
        ends = _Ends(claims[i][0], claims[following][1], commits[i][0], commits[following][1])
        own = (ends.claim_in, ends.claim_out, ends.commit_in, ends.commit_out, results[i][1])
        others = [end for pipe in (*claims, *commits, *results) for end in pipe if end not in own]
        running.append(_FORK.Process(target=_work, args=(ends, results[i][1], others, now, actor)))
    for process in running:
        process.start()
    for pipe in (*claims, *commits):
        _close(pipe)
    answers = _gathered(running, results, [incoming for incoming, _ in results])
    return any(again for again, _ in answers), summed([found for _, found in answers])


def _work(ends: _Ends, result: Connection, others: Sequence[Connection], now: datetime, actor: Actor) -> None:
    _close(others)
    done: list[Issued] = []
    again = False
    with acting(actor):
        while (after := _received(ends.claim_in)) is not None:
            turn = _InTurn(ends)
            try:
                chunk = issue.issue_chunk(now=now, actor=actor, after=after, turn=turn)
            except _StartOver:
                again = True
                break
            if chunk is None:
                break
            fault("billing: chunk committed")
            done.append(chunk)
            again = chunk.upto is None
            _pass(ends.commit_out, not again)
            if again:
                break
            if not turn.has_passed:
                _pass(ends.claim_out, chunk.upto)
    connection.close()
    _pass(ends.claim_out, None)
    _pass(ends.commit_out, False)
    result.send((again, summed(done)))


def _received(incoming: Connection) -> Any:
    """Wait for what a process sends; None where it has ended."""
    try:
        return incoming.recv()
    except EOFError:
        return None


def _pass(outgoing: Connection, token: object) -> None:
    try:
        outgoing.send(token)
    except OSError:  # the next process has ended already
        return


def _close(ends: Sequence[Connection]) -> None:
    for end in ends:
        end.close()
