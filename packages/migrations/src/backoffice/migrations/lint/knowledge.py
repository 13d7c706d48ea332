"""Learns from each statement what stands in the database after it."""

import re
from collections.abc import Iterable

from backoffice.migrations.lint.actions import Action
from backoffice.migrations.lint.schema import Column, Reference, Schema, Table, is_utc

_NOT_NULL = re.compile(r'^\(*\s*"?(\w+)"?\s+is\s+not\s+null\s*\)*$', re.IGNORECASE)


def learn(schema: Schema, actions: Iterable[Action]) -> None:
    """Change what is known by what these actions do."""
    for action in actions:
        change = _CHANGES.get(action.kind)
        if change is not None:
            change(schema, action)


def not_null_column(check: str) -> str:
    """The column of which a CHECK says that it is not null, and no more; "" for any other."""
    found = _NOT_NULL.match(check.strip())
    return found.group(1) if found else ""


def _table(schema: Schema, action: Action) -> Table:
    return schema.tables.setdefault(action.table, Table(action.table))


def _create_table(schema: Schema, action: Action) -> None:
    if action.table in schema.tables and "if not exists" in action.flags:
        return
    made = schema.tables[action.table] = Table(action.table, complete=True)
    for part in action.parts:
        if part.kind == "add column":
            made.columns[part.name] = Column(part.type, "not null" not in part.flags)
        elif part.kind == "add primary key":
            for name in part.columns:
                made.columns.setdefault(name, Column()).nullable = False
        elif part.kind == "add check":
            _add_check(schema, part)
        if part.references:
            _refer(schema, part)


def _drop_table(schema: Schema, action: Action) -> None:
    schema.tables.pop(action.table, None)
    schema.references.pop(action.table, None)


def _rename_table(schema: Schema, action: Action) -> None:
    prefix = action.table.rpartition(".")[0]
    new = f"{prefix}.{action.name}" if prefix else action.name
    table = schema.tables.pop(action.table, Table(action.table))
    table.name = new
    schema.tables[new] = table
    if action.table in schema.references:
        schema.references[new] = schema.references.pop(action.table)
    for keys in schema.references.values():
        for name, key in keys.items():
            if key.table == action.table:
                keys[name] = Reference(new, key.columns)
    for name, of in schema.indexes.items():
        if of == action.table:
            schema.indexes[name] = new


def _add_column(schema: Schema, action: Action) -> None:
    nullable = not action.flags & {"not null", "identity", "serial"}
    columns = _table(schema, action).columns
    if action.name in columns and "if not exists" in action.flags:
        return
    columns[action.name] = Column(action.type, nullable)
    if action.references:
        _refer(schema, action)


def _drop_column(schema: Schema, action: Action) -> None:
    _table(schema, action).columns.pop(action.name, None)
    keys = schema.references.get(action.table, {})
    for name in [name for name, key in keys.items() if action.name in key.columns]:
        del keys[name]


def _rename_column(schema: Schema, action: Action) -> None:
    columns = _table(schema, action).columns
    columns[action.expression] = columns.pop(action.name, Column())


def _alter_type(schema: Schema, action: Action) -> None:
    _table(schema, action).columns.setdefault(action.name, Column()).type = action.type


def _set_not_null(schema: Schema, action: Action) -> None:
    _table(schema, action).columns.setdefault(action.name, Column()).nullable = False


def _drop_not_null(schema: Schema, action: Action) -> None:
    _table(schema, action).columns.setdefault(action.name, Column()).nullable = True


def _add_check(schema: Schema, action: Action) -> None:
    table = _table(schema, action)
    table.checks[action.name] = action.expression
    if "not valid" in action.flags:
        table.not_valid.add(action.name)
    if column := not_null_column(action.expression):
        table.not_null_checks[action.name] = column


def _add_foreign_key(schema: Schema, action: Action) -> None:
    if "not valid" in action.flags:
        _table(schema, action).not_valid.add(action.name)
    _refer(schema, action)


def _refer(schema: Schema, action: Action) -> None:
    """Note a foreign key, by the name that PostgreSQL gives to one without."""
    column = action.name if action.kind == "add column" else ""
    own, columns = ("", (column,)) if column else (action.name, action.columns)
    name = own or f"{action.table}_{'_'.join(columns)}_fkey"
    schema.references.setdefault(action.table, {})[name] = Reference(action.references, columns)


def _add_primary_key(schema: Schema, action: Action) -> None:
    for name in action.columns:
        _table(schema, action).columns.setdefault(name, Column()).nullable = False


def _validate(schema: Schema, action: Action) -> None:
    _table(schema, action).not_valid.discard(action.name)


def _drop_constraint(schema: Schema, action: Action) -> None:
    table = _table(schema, action)
    table.not_null_checks.pop(action.name, None)
    table.checks.pop(action.name, None)
    table.not_valid.discard(action.name)
    schema.references.get(action.table, {}).pop(action.name, None)


def _create_index(schema: Schema, action: Action) -> None:
    if action.name:
        schema.indexes[action.name] = action.table


def _drop_index(schema: Schema, action: Action) -> None:
    schema.indexes.pop(action.name, None)


def _create_type(schema: Schema, action: Action) -> None:
    schema.enums.add(action.name)


def _drop_type(schema: Schema, action: Action) -> None:
    schema.enums.discard(action.name)


def _attach(schema: Schema, action: Action) -> None:
    schema.parts.setdefault(action.table, set()).add(action.name)


def _detach(schema: Schema, action: Action) -> None:
    schema.parts.get(action.table, set()).discard(action.name)


def _create_domain(schema: Schema, action: Action) -> None:
    schema.domains.add(action.name)


def _set_time_zone(schema: Schema, action: Action) -> None:
    schema.utc = is_utc(action.name)


def _create_view(schema: Schema, action: Action) -> None:
    schema.tables[action.table] = Table(action.table, kind="view")


_CHANGES = {
    "set time zone": _set_time_zone,
    "create table": _create_table,
    "create view": _create_view,
    "create domain": _create_domain,
    "add partition": _attach,
    "attach partition": _attach,
    "detach partition": _detach,
    "drop view": _drop_table,
    "drop materialized view": _drop_table,
    "create materialized view": _create_table,
    "drop table": _drop_table,
    "rename table": _rename_table,
    "add column": _add_column,
    "drop column": _drop_column,
    "rename column": _rename_column,
    "alter type": _alter_type,
    "set not null": _set_not_null,
    "drop not null": _drop_not_null,
    "add check": _add_check,
    "add not null": _add_check,
    "add foreign key": _add_foreign_key,
    "add primary key": _add_primary_key,
    "validate": _validate,
    "drop constraint": _drop_constraint,
    "create index": _create_index,
    "drop index": _drop_index,
    "create type": _create_type,
    "drop type": _drop_type,
}
