"""Batch mode as SQLite needs it: only where a table must be copied, and nothing lost by it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import Connection, DefaultClause, Inspector, inspect, text
from sqlalchemy.schema import Computed
from sqlalchemy.sql import ClauseElement

from backoffice.migrations.drafts.constraints import UNNAMED
from backoffice.migrations.drafts.indexes import expressions_of
from backoffice.migrations.drafts.kept import Kept, actions, again, keep_collations
from backoffice.migrations.drafts.lines import (
    CopiedTable,
    Lines,
    OneWay,
    OneWayCopy,
    alone,
    execute,
    indented,
    on,
    without_parameters,
)
from backoffice.migrations.drafts.wishes import constant

#: How a unique constraint or a foreign key is found that the database has no name for.
CONVENTION = {
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
}

_WHY = "# Or else dropping the old table would delete the rows that refer to it."
_OFF = on("sqlite", alone([execute("PRAGMA foreign_keys = OFF")]))
_ASKED = [
    "enforced = (",
    '    op.get_context().dialect.name == "sqlite"',
    "    and not op.get_context().as_sql",
    '    and bool(op.get_bind().scalar(sa.text("PRAGMA foreign_keys")))',
    ")",
]
_ON = ["if enforced:", *indented(alone([execute("PRAGMA foreign_keys = ON")]))]

_TRIGGERS = text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table")


class Copies:
    """Turns changes of tables into what SQLite can do.

    The connection and the inspector show the database by the names that it will have. `counted`
    says that the history makes tables that count their rows, `without` names indexes that go.
    """

    def __init__(
        self,
        connection: Connection,
        inspector: Inspector,
        context: AutogenContext,
        *,
        counted: bool,
        without: set[str],
    ) -> None:
        self.connection = connection
        self.inspector = inspector
        self.context = context
        self.counted = counted
        self.without = without
        self.warnings: list[str] = []

    def rewrite(self, operations: ops.OpContainer) -> None:
        """Change the operations, with what each copy has to keep."""
        operations.ops[:] = _at_once(
            [after for each in operations.ops for after in self._rewritten(each)]
        )

    def _rewritten(self, operation: ops.MigrateOperation) -> Iterator[ops.MigrateOperation]:
        if not isinstance(operation, ops.ModifyTableOps) or isinstance(operation, CopiedTable):
            yield operation
            return
        if not any(self._copies(operation, each) for each in operation.ops):
            yield operation
            return
        yield self._copied(operation)

    def _copied(self, operation: ops.ModifyTableOps) -> CopiedTable:
        kind = OneWayCopy if isinstance(operation, OneWay) else CopiedTable
        table = str(operation.table_name)
        kept = Kept(self.connection, table)
        keep_collations(operation.ops, kept.collations)
        gone = [str(x.column_name) for x in operation.ops if isinstance(x, ops.DropColumnOp)]
        self.warnings += kept.lost(gone)
        changes = [*operation.ops, *self._actions(operation)]
        key = self.inspector.get_pk_constraint(table, schema=operation.schema)
        return kind(
            operation.table_name,
            changes,
            operation.schema,
            [
                *self._kept_checks(operation),
                *kept.options(self.context, key["constrained_columns"]),
                *_named_by_convention(changes),
            ],
            kept.before(counted=self.counted),
            kept.after(gone, self.without),
        )

    def _actions(self, table: ops.ModifyTableOps) -> Iterator[Any]:
        """Foreign keys made anew, of which a copy would lose what they do as rows go."""
        name = str(table.table_name)
        changed = {columns for each in table.ops if (columns := _key_columns(each))}
        done = actions(self.connection, name)
        for each in inspect(self.connection).get_foreign_keys(name):
            columns = tuple(each["constrained_columns"])
            seen = {key: each["options"].get(key) for key in done[columns]}
            if columns not in changed and seen != done[columns]:
                yield from again(name, {**each, "options": {**each["options"], **done[columns]}})

    def _copies(self, table: ops.ModifyTableOps, each: Any) -> bool:
        """Whether SQLite makes this change by a copy only."""
        if isinstance(each, ops.AddColumnOp):
            default = each.column.server_default
            if isinstance(default, DefaultClause) and isinstance(default.arg, ClauseElement):
                return not constant(str(default.arg))
            return isinstance(default, Computed) and bool(default.persisted)
        if isinstance(each, ops.DropColumnOp):
            return self._held(table, str(each.column_name))
        return not isinstance(each, ops.CreateIndexOp | ops.DropIndexOp | Lines)

    def _held(self, table: ops.ModifyTableOps, column: str) -> bool:
        """Whether something of the table is about this column, so that it cannot just go."""
        name, schema = str(table.table_name), table.schema
        dropped = {str(each.index_name) for each in table.ops if isinstance(each, ops.DropIndexOp)}
        dropped |= self.without
        ask = self.inspector
        held: list[Sequence[str | None]]
        held = [ask.get_pk_constraint(name, schema=schema)["constrained_columns"]]
        held += [each["column_names"] for each in ask.get_unique_constraints(name, schema=schema)]
        held += [each["constrained_columns"] for each in ask.get_foreign_keys(name, schema=schema)]
        held += [
            each["column_names"]
            for each in ask.get_indexes(name, schema=schema)
            if each["name"] not in dropped
        ]
        texts = [each["sqltext"] for each in ask.get_check_constraints(name, schema=schema)]
        expressions = expressions_of(self.connection, name)
        texts += [sql for index, sql in expressions.items() if index not in dropped]
        texts += self.connection.scalars(_TRIGGERS, {"table": name})
        about = re.compile(rf"\b{re.escape(column)}\b", re.IGNORECASE)
        return any(column in each for each in held) or any(about.search(str(x)) for x in texts)

    def _kept_checks(self, table: ops.ModifyTableOps) -> list[str]:
        """A CHECK without a name is left out of a copy, unless it is said again."""
        replaced = [
            str(getattr(each, "sqltext", getattr(each, "condition", "")))
            for each in table.ops
            if isinstance(each, ops.CreateCheckConstraintOp)
        ]
        found = [
            str(each["sqltext"])
            for each in self.inspector.get_check_constraints(
                str(table.table_name), schema=table.schema
            )
            if not each["name"]
        ]
        kept = [sql for sql in found if not any(_alike(sql, other) for other in replaced)]
        listed = ", ".join(f"sa.CheckConstraint({without_parameters(sql)!r})" for sql in kept)
        return [f"table_args=[{listed}]"] if kept else []


def _at_once(operations: Sequence[ops.MigrateOperation]) -> list[ops.MigrateOperation]:
    """Copies of one table that follow each other are one copy."""
    done: list[ops.MigrateOperation] = []
    for each in operations:
        last = done[-1] if done else None
        if isinstance(last, OneWayCopy) and isinstance(each, CopiedTable) and _same(last, each):
            each.ops[:0] = last.ops
            done.pop()
        done.append(each)
    return done


def _same(one: CopiedTable, other: CopiedTable) -> bool:
    return (one.schema, one.table_name) == (other.schema, other.table_name)


def guard(operations: ops.OpContainer, *, batch: bool) -> None:
    """Have foreign keys off, before anything is copied.

    A copy ends with the old table dropped, whose rows SQLite deletes first, and those that refer
    to them as well. Within a transaction the pragma would do nothing. They are on again at the end
    where they were: the connection may go back to the app. `batch` says that tables are changed in
    batch mode on this database too, so that the revision can be tried on SQLite.
    """
    if any(isinstance(each, CopiedTable) for each in operations.ops):
        operations.ops[:] = [Lines([_WHY, *_ASKED, *_OFF]), *operations.ops, Lines(_ON)]
    elif batch and any(_alters(each) for each in operations.ops):
        operations.ops.insert(0, Lines([_WHY, *_OFF]))


def _alters(operation: ops.MigrateOperation) -> bool:
    """Whether batch mode would copy the table."""
    simple = (ops.AddColumnOp, ops.CreateIndexOp, ops.DropIndexOp, Lines)
    return isinstance(operation, ops.ModifyTableOps) and not all(
        isinstance(each, simple) for each in operation.ops
    )


def _named_by_convention(operations: Sequence[ops.MigrateOperation]) -> list[str]:
    """How batch mode finds what is dropped and has no name in the database."""
    kinds = {
        "fk" if each.constraint_type == "foreignkey" else "uq"
        for each in operations
        if isinstance(each, ops.DropConstraintOp) and vars(each).get(UNNAMED)
    }
    convention = {kind: CONVENTION[kind] for kind in sorted(kinds)}
    return [f"naming_convention={convention!r}"] if convention else []


def _key_columns(operation: Any) -> tuple[str, ...]:
    """The columns of the foreign key that an operation drops or makes."""
    if isinstance(operation, ops.CreateForeignKeyOp):
        return tuple(operation.local_cols)
    if isinstance(operation, ops.DropConstraintOp) and operation.constraint_type == "foreignkey":
        constraint: Any = operation.to_constraint()
        return tuple(each.name for each in constraint.columns)
    return ()


def _alike(one: str, other: str) -> bool:
    """Whether two CHECKs are about the same column."""
    words = [_words(each) for each in (one, other)]
    return bool(words[0] and words[1]) and words[0][0] == words[1][0]


def _words(sql: str) -> list[str]:
    return re.findall(r"[a-z_]\w*", re.sub(r"'[^']*'", "", sql.lower()))
