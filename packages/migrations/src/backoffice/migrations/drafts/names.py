"""What is called otherwise once the revision has run, and the database as it is then."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from sqlalchemy import Inspector

TableName = tuple[str | None, str]


@dataclass
class Names:
    """Old names to new ones: of tables, and of columns by the new name of their table."""

    tables: dict[TableName, str] = field(default_factory=dict)
    columns: dict[TableName, dict[str, str]] = field(default_factory=dict)

    def table(self, schema: str | None, old: str) -> str:
        """What a table of the database will be called."""
        return self.tables.get((schema, old), old)

    def old_table(self, schema: str | None, new: str) -> str:
        """What a table is called in the database still."""
        found = (old for (of, old), now in self.tables.items() if (of, now) == (schema, new))
        return next(found, new)

    def column(self, schema: str | None, table: str, old: str) -> str:
        """What a column will be called; `table` by its new name."""
        return self.columns.get((schema, table), {}).get(old, old)

    def old_column(self, schema: str | None, table: str, new: str) -> str:
        """What a column is called in the database still; `table` by its new name."""
        columns = self.columns.get((schema, table), {})
        return next((old for old, now in columns.items() if now == new), new)


def renamed(inspector: Inspector, names: Names) -> Inspector:
    """The same inspector, telling of the database as it will be."""
    view = _View(names)
    single: dict[str, Callable[[TableName, Any], Any]] = {
        "get_columns": view.columns,
        "get_pk_constraint": view.key,
        "get_foreign_keys": view.references,
        "get_indexes": view.indexes,
        "get_unique_constraints": view.uniques,
        "get_check_constraints": view.checks,
        "get_table_comment": view.as_is,
        "get_table_options": view.as_is,
    }
    given: Any = inspector
    for name, told in single.items():
        setattr(given, name, _one(getattr(given, name), view, told))
        several = name.replace("get_", "get_multi_", 1)
        if hasattr(given, several):
            setattr(given, several, _many(getattr(given, several), view, told))
    given.get_table_names = _listed(given.get_table_names, view)
    return inspector


class _View:
    """What reflection tells of one table, with the new names in it."""

    def __init__(self, names: Names) -> None:
        self.names = names

    def as_is(self, _: TableName, told: Any) -> Any:
        return told

    def columns(self, table: TableName, told: Sequence[Mapping[str, Any]]) -> Any:
        return [{**each, "name": self._column(table, each["name"])} for each in told]

    def key(self, table: TableName, told: Mapping[str, Any]) -> Any:
        return {**told, "constrained_columns": self._all(table, told["constrained_columns"])}

    def references(self, table: TableName, told: Sequence[Mapping[str, Any]]) -> Any:
        return [self._reference(table, each) for each in told]

    def indexes(self, table: TableName, told: Sequence[Mapping[str, Any]]) -> Any:
        return [self._index(table, each) for each in told]

    def uniques(self, table: TableName, told: Sequence[Mapping[str, Any]]) -> Any:
        return [{**each, "column_names": self._all(table, each["column_names"])} for each in told]

    def checks(self, table: TableName, told: Sequence[Mapping[str, Any]]) -> Any:
        return [{**each, "sqltext": self._text(table, each["sqltext"])} for each in told]

    def _reference(self, table: TableName, told: Mapping[str, Any]) -> dict[str, Any]:
        schema, old = told["referred_schema"], told["referred_table"]
        to = (schema, self.names.table(schema, old))
        return {
            **told,
            "constrained_columns": self._all(table, told["constrained_columns"]),
            "referred_table": to[1],
            "referred_columns": self._all(to, told["referred_columns"]),
        }

    def _index(self, table: TableName, told: Mapping[str, Any]) -> dict[str, Any]:
        changed = {**told, "column_names": self._all(table, told["column_names"])}
        if "expressions" in told:
            changed["expressions"] = [self._text(table, each) for each in told["expressions"]]
        if "column_sorting" in told:
            changed["column_sorting"] = {
                self._column(table, name): order for name, order in told["column_sorting"].items()
            }
        return changed

    def _column(self, table: TableName, name: str) -> str:
        return self.names.column(*table, name)

    def _all(self, table: TableName, names: Iterable[str | None]) -> list[str | None]:
        return [None if each is None else self._column(table, each) for each in names]

    def _text(self, table: TableName, sql: str) -> str:
        for old, new in self.names.columns.get(table, {}).items():
            sql = re.sub(rf"\b{re.escape(old)}\b", new, sql)
        return sql


def _one(ask: Callable[..., Any], view: _View, told: Callable[[TableName, Any], Any]) -> Any:
    @wraps(ask)
    def asked(table_name: str, schema: str | None = None, **options: Any) -> Any:
        old = view.names.old_table(schema, table_name)
        return told((schema, table_name), ask(old, schema=schema, **options))

    return asked


def _many(ask: Callable[..., Any], view: _View, told: Callable[[TableName, Any], Any]) -> Any:
    @wraps(ask)
    def asked(schema: str | None = None, filter_names: Any = None, **options: Any) -> Any:
        wanted = filter_names and [view.names.old_table(schema, each) for each in filter_names]
        found = ask(schema=schema, filter_names=wanted, **options)
        keys = {key: (key[0], view.names.table(*key)) for key in found}
        return {keys[key]: told(keys[key], value) for key, value in found.items()}

    return asked


def _listed(ask: Callable[..., Any], view: _View) -> Any:
    @wraps(ask)
    def asked(schema: str | None = None, **options: Any) -> list[str]:
        return [view.names.table(schema, each) for each in ask(schema=schema, **options)]

    return asked
