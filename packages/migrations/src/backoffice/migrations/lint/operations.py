"""What a revision does: its operations, and the SQL that each of them sends to the database."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

DialectName = Literal["postgresql", "sqlite"]
Direction = Literal["upgrade", "downgrade"]

#: Without a database to ask: the oldest PostgreSQL that is still looked after.
OLDEST_POSTGRESQL = (14,)


@dataclass(frozen=True)
class Target:
    """The database that a migration is meant for."""

    dialect: DialectName = "postgresql"
    version: tuple[int, ...] = OLDEST_POSTGRESQL


@dataclass(frozen=True)
class Statement:
    """One SQL statement as the database gets it, its values written out.

    Statements of one `transaction` are committed together; None is one that commits by itself.
    """

    sql: str
    line: int
    transaction: int | None = 0


@dataclass(frozen=True)
class Span:
    """Where a call stands in the file: lines from 1, columns from 0 in UTF-8 bytes, as in `ast`."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True)
class Operation:
    """One call of a revision, `name` as on `op`; `execute` for SQL that a connection was given.

    `call` is Alembic's own description (an `alembic.operations.ops.MigrateOperation`), where there
    is one, and `batch` the table of the `batch_alter_table` around it. `certain` is False for one
    that did not run while reading, so that its statements may not be all of them.
    """

    name: str
    direction: Direction
    span: Span
    statements: tuple[Statement, ...] = ()
    call: Any = None
    batch: str | None = None
    certain: bool = True

    @property
    def line(self) -> int:
        """The line on which the call begins."""
        return self.span.line


@dataclass(frozen=True)
class Unread:
    """A part of a revision that could not be read, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class Reading:
    """All that is known of one revision file."""

    path: Path
    source: str
    revision: str
    down: tuple[str, ...]
    upgrade: tuple[Operation, ...] = ()
    downgrade: tuple[Operation, ...] = ()
    unread: tuple[Unread, ...] = field(default=())

    def statements(self, direction: Direction = "upgrade") -> Iterator[Statement]:
        """All statements of one direction, in order."""
        operations = self.upgrade if direction == "upgrade" else self.downgrade
        for each in operations:
            yield from each.statements
