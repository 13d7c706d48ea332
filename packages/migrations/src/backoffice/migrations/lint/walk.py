"""A way through one revision: each action with its effects, and what was known before it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.copies import COPY, changed
from backoffice.migrations.lint.findings import Where
from backoffice.migrations.lint.grammar import parse
from backoffice.migrations.lint.knowledge import learn
from backoffice.migrations.lint.locks import Effect, of_action
from backoffice.migrations.lint.operations import (
    Direction,
    Operation,
    Reading,
    Statement,
    Target,
)
from backoffice.migrations.lint.schema import SMALL, Column, Schema, Table, qualified


@dataclass(frozen=True)
class Step:
    """One action of one statement.

    `known` is what stands before it, and is only so while the walk stands at this step; `new` are
    the tables that the revision has made, which nobody uses yet.
    """

    reading: Reading
    operation: Operation
    statement: Statement
    action: Action
    effects: tuple[Effect, ...]
    known: Schema
    target: Target
    new: frozenset[str]
    earlier: "tuple[Step, ...]" = field(repr=False)

    @property
    def where(self) -> Where:
        """Its place in the file."""
        return Where(
            self.reading.path, self.operation.line, self.reading.revision, self.operation.name
        )

    @property
    def fresh(self) -> bool:
        """Whether the action is about a table that this revision has made."""
        return self.action.table in self.new

    @property
    def hurting(self) -> tuple[Effect, ...]:
        """The effects on tables that others may use meanwhile."""
        return tuple(each for each in self.effects if each.table not in self.new)

    @property
    def stalls(self) -> tuple[Effect, ...]:
        """The effects that keep others waiting for as long as the table is large."""
        return tuple(
            each
            for each in self.hurting
            if each.lock.blocks_writes and (each.scan or each.rewrite or each.rows)
        )

    @property
    def together(self) -> "tuple[Step, ...]":
        """The earlier steps of the same transaction."""
        number = self.statement.transaction
        if number is None:
            return ()
        return tuple(each for each in self.earlier if each.statement.transaction == number)

    def rows(self, table: str) -> int | None:
        """How many rows a table has; None where no database was asked."""
        return self.known.sizes.get(table)

    def small(self, *tables: str) -> bool:
        """Whether all of these tables are known to be small."""
        counts = [self.rows(table) for table in tables]
        return bool(counts) and all(each is not None and each < SMALL for each in counts)


def walk(
    reading: Reading, known: Schema, target: Target, direction: Direction = "upgrade"
) -> Iterator[Step]:
    """The steps of a revision; `known` learns from each, once the step is left."""
    new: set[str] = set()
    earlier: list[Step] = []
    operations = reading.upgrade if direction == "upgrade" else reading.downgrade
    utc = known.utc
    for operation in operations:
        _take_over(operation, known, target)
        for statement in operation.statements:
            for action in parse(statement.sql):
                if action.kind.startswith("create") and not _there(action, known):
                    new |= {action.table} if action.kind in _MADE else set()
                step = Step(
                    *(reading, operation, statement, action),
                    _effects(action, target, known, new),
                    *(known, target, frozenset(new), tuple(earlier)),
                )
                yield step
                earlier.append(step)
                if not _of_a_copy(action, new):
                    learn(known, (action,))
                    if action.kind == "rename table" and action.table in new:
                        new.add(action.name)
        learn(known, changed(operation))
    known.utc = utc  # a time zone that was set ends with the session, at the latest


def _effects(action: Action, target: Target, known: Schema, new: set[str]) -> tuple[Effect, ...]:
    """A table that is new has no rows to work on, nor to compare with another's."""
    found = of_action(action, target, known)
    if action.table not in new:
        return found
    return tuple(replace(each, scan=False, rewrite=False, rows=False) for each in found)


def _take_over(operation: Operation, known: Schema, target: Target) -> None:
    """What the call says of the column that it changes, where the history says nothing."""
    call = operation.call
    if operation.name == "drop_index" and call is not None and call.table_name:
        index = qualified(str(call.index_name), call.schema)
        known.indexes.setdefault(index, qualified(call.table_name, call.schema))
    if operation.name != "alter_column" or call is None:
        return
    name = qualified(call.table_name, call.schema)
    column = known.tables.setdefault(name, Table(name)).columns.setdefault(
        call.column_name, Column()
    )
    if column.nullable is None and isinstance(call.existing_nullable, bool):
        column.nullable = call.existing_nullable
    if not column.type and call.existing_type is not None:
        column.type = _type(call.existing_type, target)


def _type(of: Any, target: Target) -> str:
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.types import to_instance

    dialects: Any = sqlite if target.dialect == "sqlite" else postgresql
    try:
        return str(to_instance(of).compile(dialects.dialect())).lower()
    except (SQLAlchemyError, AttributeError, TypeError):
        return ""


def _of_a_copy(action: Action, new: set[str]) -> bool:
    """Whether it is part of batch mode's copying, after which the table is the same."""
    return action.table.startswith(COPY) or f"{COPY}{action.table}" in new


_MADE = ("create table", "create materialized view", "create view")


def _there(action: Action, known: Schema) -> bool:
    """Whether CREATE ... IF NOT EXISTS finds the table there already."""
    return "if not exists" in action.flags and action.table in known.tables
