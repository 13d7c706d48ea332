"""What a copy of a SQLite table would lack, and what puts it back."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from alembic.autogenerate import render
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from sqlalchemy import Connection, Inspector, text

from backoffice.migrations.drafts.constraints import UNNAMED, joined
from backoffice.migrations.drafts.indexes import expressions_of
from backoffice.migrations.drafts.lines import execute, identifier, literal, on
from backoffice.migrations.drafts.replica import collations

_SQL = text("SELECT sql FROM sqlite_master WHERE type = :type AND tbl_name = :table")
_OTHERS = text(
    "SELECT sql FROM sqlite_master WHERE type IN ('view', 'trigger') AND tbl_name <> :of"
)


class Kept:
    """What one table has that a copy by reflection has not; by the names that it will have."""

    def __init__(self, connection: Connection, table: str) -> None:
        self.connection = connection
        self.table = table
        self.created = str(connection.scalar(_SQL, {"type": "table", "table": table}) or "")
        self.triggers = [*map(str, connection.scalars(_SQL, {"type": "trigger", "table": table}))]
        self.indexes = expressions_of(connection, table)
        self.collations = collations(table, self.created, connection.dialect)

    def before(self, *, counted: bool) -> list[str]:
        """The lines that stand before the copy; `counted` where the history counts its rows."""
        lines = []
        if counted and self._counts:
            lines.append(execute(self._counter()))
        quote = self.connection.dialect.identifier_preparer.quote
        lines += [execute(f"DROP INDEX IF EXISTS {quote(name)}") for name in self.indexes]
        if self._is_read:
            lines.append(execute("PRAGMA legacy_alter_table = ON"))
        return on("sqlite", lines) if lines else []

    def after(self, gone: Sequence[str], without: set[str]) -> list[str]:
        """The lines that stand after it: `gone` are columns, `without` indexes that go as well."""
        lines = [execute("PRAGMA legacy_alter_table = OFF")] if self._is_read else []
        kept = [sql for name, sql in self.indexes.items() if name not in without]
        lines += [execute(sql) for sql in (*kept, *self.triggers) if not names_one(sql, gone)]
        return on("sqlite", lines) if lines else []

    def lost(self, gone: Sequence[str]) -> Iterator[str]:
        """What is not kept, for people."""
        for sql in self.triggers:
            if column := names_one(sql, gone):
                yield f"a trigger of {self.table} goes, since it names {column}: {sql}"
        if re.search(r"\bON\s+CONFLICT\b", self.created, re.IGNORECASE):
            yield (
                f"{self.table} is copied, and was made with ON CONFLICT, which a copy does not "
                "keep: say it again in batch_alter_table, by copy_from"
            )

    def options(self, context: AutogenContext, key: Sequence[str]) -> list[str]:
        """What `batch_alter_table` is told of the table, where `key` is its primary key."""
        options = {
            "sqlite_autoincrement": True if self._counts else None,
            "sqlite_with_rowid": False if self._ends_with(r"WITHOUT\s+ROWID") else None,
            "sqlite_strict": True if self._ends_with("STRICT") else None,
        }
        said = {name: value for name, value in options.items() if value is not None}
        columns = ", ".join(self._collated(context, key))
        return [
            *([f"reflect_args=[{columns}]"] if columns else []),
            *([f"table_kwargs={said!r}"] if said else []),
        ]

    def _collated(self, context: AutogenContext, key: Sequence[str]) -> Iterator[str]:
        """The columns that reflection would show without their collation."""
        if not self.collations:
            return
        listeners = [("column_reflect", context.migration_context.impl.autogen_column_reflect)]
        table = sa.Table(
            self.table, sa.MetaData(), autoload_with=self.connection, listeners=listeners
        )
        for column in table.columns:
            if column.name in self.collations and isinstance(column.type, sa.String):
                column.type.collation = self.collations[column.name]
                rendered = render._render_column(column, context)
                # Reflection leaves out of the key what it is told of.
                yield rendered[:-1] + ", primary_key=True)" if column.name in key else rendered

    @property
    def _counts(self) -> bool:
        return re.search(r"\bAUTOINCREMENT\b", self.created, re.IGNORECASE) is not None

    @property
    def _is_read(self) -> bool:
        """Whether something else names the table, which SQLite checks as the copy is renamed."""
        others = self.connection.scalars(_OTHERS, {"of": self.table})
        return any(names_one(str(sql), [self.table]) for sql in others)

    def _ends_with(self, option: str) -> bool:
        return (
            re.search(rf"\)[\w\s,]*\b{option}\b[\w\s,]*$", self.created, re.IGNORECASE) is not None
        )

    def _counter(self) -> str:
        """SQLite forgets with the old table which of its numbers were given already."""
        copy = literal(f"_alembic_tmp_{self.table}"[:50])  # as Alembic calls it
        return (
            f"INSERT INTO sqlite_sequence (name, seq) SELECT {copy}, seq "  # noqa: S608
            f"FROM sqlite_sequence WHERE name = {literal(self.table)}"
        )


def keep_collations(operations: Sequence[Any], collations: dict[str, str]) -> None:
    """Have a column that becomes another string compare as before."""
    for each in operations:
        if isinstance(each, ops.AlterColumnOp) and str(each.column_name) in collations:
            type_ = each.modify_type
            if isinstance(type_, sa.String) and type_.collation is None:
                each.modify_type = type_.copy()
                each.modify_type.collation = collations[str(each.column_name)]


def actions(connection: Connection, table: str) -> dict[tuple[str, ...], dict[str, str]]:
    """What each foreign key does as rows go, by its columns.

    SQLAlchemy reads it from the text of the table, and not where it stands beside the column.
    """
    quoted = identifier(connection.dialect, table)
    columns: dict[int, list[str]] = {}
    done: dict[int, dict[str, str]] = {}
    rows = connection.exec_driver_sql(f"PRAGMA foreign_key_list({quoted})").all()
    for number, _, _, column, _, on_update, on_delete, *_ in rows:
        columns.setdefault(number, []).append(column)
        said = {"onupdate": on_update, "ondelete": on_delete}
        done[number] = {key: value for key, value in said.items() if value != "NO ACTION"}
    return {tuple(columns[number]): done[number] for number in columns}


def again(table: str, told: Mapping[str, Any]) -> Iterator[ops.MigrateOperation]:
    """A foreign key dropped and made again, as reflection tells of it."""
    columns = told["constrained_columns"]
    name = told["name"] or joined("fk", table, [*columns, told["referred_table"]])
    dropped = ops.DropConstraintOp(name, table, "foreignkey")
    vars(dropped)[UNNAMED] = not told["name"]
    yield dropped
    yield ops.CreateForeignKeyOp(
        name, table, told["referred_table"], columns, told["referred_columns"], **told["options"]
    )


def with_actions(inspector: Inspector, connection: Connection) -> Inspector:
    """The same inspector, telling of each foreign key what it does as rows go."""
    given: Any = inspector
    one, several = given.get_foreign_keys, given.get_multi_foreign_keys

    def completed(table: str, told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        done = actions(connection, table) if told else {}
        return [
            {**each, "options": {**each["options"], **done[tuple(each["constrained_columns"])]}}
            for each in told
        ]

    def get_foreign_keys(table_name: str, schema: str | None = None, **options: Any) -> Any:
        return completed(table_name, one(table_name, schema=schema, **options))

    def get_multi_foreign_keys(**options: Any) -> Any:
        return {key: completed(key[1], told) for key, told in several(**options).items()}

    given.get_foreign_keys = get_foreign_keys
    given.get_multi_foreign_keys = get_multi_foreign_keys
    return inspector


def names_one(sql: str, names: Sequence[str]) -> str | None:
    """The first of the names that stands in the SQL as a word."""
    for name in names:
        if re.search(rf"\b{re.escape(name)}\b", sql, re.IGNORECASE):
            return name
    return None
