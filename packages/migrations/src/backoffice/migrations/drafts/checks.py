"""The CHECK that lists the values of an enum, where the database has no type for it."""

import re
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic.operations import ops
from alembic.util import sqla_compat
from sqlalchemy import CheckConstraint, Connection, Inspector, Table

from backoffice.core.errors import InvalidInput
from backoffice.migrations.drafts.enum_types import enum_of
from backoffice.migrations.drafts.lines import identifier, literal
from backoffice.migrations.drafts.names import Names
from backoffice.migrations.drafts.wishes import Wishes


def plain_types(upgrade: ops.UpgradeOps, dialect: sa.Dialect) -> None:
    """Have a column altered to the string that it is: the type would bring a second CHECK."""
    for modified in [each for each in upgrade.ops if isinstance(each, ops.ModifyTableOps)]:
        for each in modified.ops:
            if isinstance(each, ops.AlterColumnOp) and each.modify_type is not None:
                enum = enum_of(each.modify_type, dialect)
                if enum is not None and not _native(enum, dialect):
                    each.modify_type = sa.String(length=enum.length)


class Checks:
    """Compares the values of each enum with those that its CHECK in the database has."""

    def __init__(
        self, connection: Connection, inspector: Inspector, wishes: Wishes, names: Names
    ) -> None:
        self.connection = connection
        self.dialect = connection.dialect
        self.inspector = inspector
        self.wishes = wishes
        self.names = names

    def compared(self, table: Table) -> Iterator[ops.MigrateOperation]:
        """The constraints of an existing table that go, each with the one that comes."""
        present = self.inspector.get_check_constraints(table.name, schema=table.schema)
        for column in table.columns:
            enum = enum_of(column.type, self.dialect)
            wanted = _constraint(table, column.name) if enum is not None else None
            if enum is None or wanted is None or _native(enum, self.dialect):
                continue
            found = next((each for each in present if _about(each, column.name, wanted)), None)
            if found is not None and _values(str(found["sqltext"])) != set(enum.enums):
                self._check_rows(table, column, enum)
                if found["name"]:
                    yield _dropped(table, str(found["name"]), str(found["sqltext"]))
                yield _created(table, column.name, enum, wanted, self.dialect)

    def _check_rows(self, table: Table, column: "sa.Column[Any]", enum: sa.Enum) -> None:
        """A copy of the table would fail at a row that has none of the values."""
        old_table = self.names.old_table(table.schema, table.name)
        old = self.names.old_column(table.schema, table.name, column.name)
        name = self.dialect.identifier_preparer.quote(old)
        listed = ", ".join(literal(each) for each in enum.enums)
        found = self.connection.execute(
            sa.text(
                f"SELECT {name}, count(*) FROM {identifier(self.dialect, old_table, table.schema)} "  # noqa: S608
                f"WHERE {name} NOT IN ({listed}) GROUP BY 1"
            )
        ).first()
        if found is not None and found[0] not in self._renamed_away(table, column.name):
            raise InvalidInput(
                f"{found[1]} rows have {found[0]!r} in {table.name}.{column.name}, which its enum "
                "no longer has: change them first, by an UPDATE in a revision made with --empty",
                code="enum_value_used",
            )

    def _renamed_away(self, table: Table, column: str) -> set[str]:
        return {
            each.old
            for each in self.wishes.renames
            if each.within in (table.name, column, f"{table.name}.{column}")
        }


def _native(enum: sa.Enum, dialect: sa.Dialect) -> bool:
    return bool(enum.native_enum and dialect.supports_native_enum)


def _constraint(table: Table, column: str) -> CheckConstraint | None:
    """The CHECK that a model's enum has by itself."""
    for each in table.constraints:
        if isinstance(each, CheckConstraint) and sqla_compat._is_type_bound(each):
            columns = {found.name for found in each.columns}
            if column in columns:
                return each
    return None


def _about(present: Any, column: str, wanted: CheckConstraint) -> bool:
    if present["name"] and present["name"] == str(wanted.name):
        return True
    lists = rf"\b{re.escape(column)}\b.*?(?:\bIN\b|= ANY)"
    listed = re.search(lists, str(present["sqltext"]), re.IGNORECASE)
    return listed is not None


def _values(sql: str) -> set[str]:
    return {each.replace("''", "'") for each in re.findall(r"'((?:[^']|'')*)'", sql)}


def _dropped(table: Table, name: str, sql: str) -> ops.DropConstraintOp:
    constraint = CheckConstraint(sa.text(sql), name=sa.schema.conv(name))
    sa.Table(table.name, sa.MetaData(), schema=table.schema).append_constraint(constraint)
    return ops.DropConstraintOp.from_constraint(constraint)


def _created(
    table: Table, column: str, enum: sa.Enum, wanted: CheckConstraint, dialect: sa.Dialect
) -> ops.MigrateOperation:
    listed = ", ".join(literal(each) for each in enum.enums)
    quoted = dialect.identifier_preparer.quote(column)
    name = wanted.name if isinstance(wanted.name, str) else f"ck_{table.name}_{column}"
    constraint = CheckConstraint(sa.text(f"{quoted} IN ({listed})"), name=sa.schema.conv(str(name)))
    sa.Table(table.name, sa.MetaData(), schema=table.schema).append_constraint(constraint)
    return ops.AddConstraintOp.from_constraint(constraint)
