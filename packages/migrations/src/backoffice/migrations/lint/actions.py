"""What a statement is told to do, one action after the other."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Action:
    """One thing that a statement does to one table.

    `kind` is said as in SQL and in lower case (`add column`, `create index`); `name` is the
    column, constraint, index or new name; `flags` hold what else matters (`concurrently`).
    """

    kind: str
    table: str = ""
    name: str = ""
    type: str = ""
    expression: str = ""
    references: str = ""
    columns: tuple[str, ...] = ()
    flags: frozenset[str] = field(default_factory=frozenset)
    #: The columns of a table that is made.
    parts: tuple["Action", ...] = ()
