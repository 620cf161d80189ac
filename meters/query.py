"""Say what a statement about usage reads: which spans of which meters, of whom, and where their whole buckets lie."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from msgspec import Struct
from psycopg import sql

from meters.aggregation import AGGREGATIONS
from meters.meter_sql import Snapshot
from meters.stored import Standing
from meters.windows import Span

Rollup = Literal["rolled_days", "rolled_quarters"]
# So many customers' tails are found sooner by the index of each one's events than by reading the whole tail.
FEW = 20


class Asked(Struct, frozen=True):
    """One span of one meter; customer_id: of one customer only, else of all (the same for every span of a statement).

    Without customers the spans are one meter's, ascending and apart.
    """

    meter_id: int
    customer_id: int | None
    span: Span


@dataclass(frozen=True)
class Query:
    """What a statement about usage reads.

    rollup: the table that spans' whole buckets are read from.  grouping: SQL text that raw events (`e`) are grouped by.
    at: what an earlier statement saw; then no span may have whole buckets.  in_windows: the spans are one meter's, of one customer or
    of all, ascending, each beginning where the one before ends.
    """

    asked: Sequence[Asked]
    standing: Standing
    rollup: Rollup
    grouping: sql.Composable | None = None
    at: Snapshot | None = None
    in_windows: bool = False

    @property
    def one_customer_each(self) -> bool:
        return bool(self.asked) and self.asked[0].customer_id is not None

    @cached_property
    def few_customers(self) -> bool:
        return self.one_customer_each and len({(one.meter_id, one.customer_id) for one in self.asked}) <= FEW

    @cached_property
    def spans(self) -> list[Span]:
        """The spans, of thousands of customers mostly the same few. By identity, for equal ones are mostly one and the same."""
        return list({id(one.span): one.span for one in self.asked}.values())

    @cached_property
    def rolled(self) -> list[Asked]:
        whole = {id(span) for span in self.spans if span.has_whole}
        return [one for one in self.asked if id(one.span) in whole]

    @cached_property
    def has_edges(self) -> bool:
        return any(span.has_edges for span in self.spans)

    @property
    def is_one_whole(self) -> bool:
        """Whether the whole days of one period are read for all customers: by blocks where they are added up, see Note [Blocks of days]."""
        return not self.one_customer_each and self.rollup == "rolled_days" and len(self.rolled) == 1

    @property
    def is_one_stretch(self) -> bool:
        """Whether raw events alone are read, of windows that touch: once for all, where a join would read them for each."""
        return self.in_windows and len(self.asked) > 1 and not self.rolled

    @property
    def shape(self) -> Hashable:
        """What the statement's text depends on, for one customer each; the rest is parameters."""
        # Written out, because True and 1 are equal, and a condition for the one is none for the other.
        meters = repr(dict(self.standing.definitions))
        count = len(self.asked) if self.few_customers else 0
        return meters, count, bool(self.rolled), self.has_edges, self.standing.is_in_epoch

    @property
    def columns(self) -> list[str]:
        """What the aggregations read of a rollup besides the number of events and the latest timestamp."""
        read = (AGGREGATIONS[definition.aggregation].columns for definition in self.standing.definitions.values())
        return list(dict.fromkeys(column for columns in read for column in columns))
