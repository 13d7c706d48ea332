"""What becomes of the enum types of PostgreSQL, which Alembic compares by name alone."""

from collections.abc import Iterator, Mapping, Sequence

from alembic.operations import ops
from sqlalchemy import Connection, Table, text

from backoffice.core.errors import InvalidInput
from backoffice.migrations.drafts.enum_dependents import Dependent, conditions, views
from backoffice.migrations.drafts.enum_types import (
    Column,
    Values,
    columns_of,
    declared,
    existing,
)
from backoffice.migrations.drafts.lines import (
    Lines,
    alone,
    execute,
    identifier,
    literal,
    on,
)
from backoffice.migrations.drafts.names import Names
from backoffice.migrations.drafts.wishes import Wishes


class EnumChanges:
    """What becomes of the types, as statements before and after those about tables."""

    def __init__(
        self,
        connection: Connection,
        wishes: Wishes,
        names: Names,
    ) -> None:
        self.connection = connection
        self.dialect = connection.dialect
        self.wishes = wishes
        self._names = names
        self.warnings: list[str] = []

    def first(self, models: Sequence[Table]) -> list[ops.MigrateOperation]:
        """Types that the models have and the database has not, or has otherwise."""
        present = existing(self.connection)
        changes: list[ops.MigrateOperation] = []
        for key, wanted in sorted(declared(models, self.dialect).items(), key=str):
            if key not in present:
                changes.append(self._created(wanted))
            elif present[key].labels != wanted.labels:
                changes += self._changed(present[key], wanted)
        return changes

    def last(
        self, models: Sequence[Table], gone: set[tuple[str | None, str, str]]
    ) -> list[ops.MigrateOperation]:
        """Types that nothing has any more: `gone` are the columns that this revision drops."""
        wanted = declared(models, self.dialect)
        unused = [
            values
            for key, values in sorted(existing(self.connection).items(), key=str)
            if key not in wanted and self._orphan(values, gone)
        ]
        return [self._created(values).reverse() for values in unused]

    def _orphan(self, values: Values, gone: set[tuple[str | None, str, str]]) -> bool:
        columns = {
            (each.schema, each.table, each.name) for each in columns_of(self.connection, values)
        }
        return bool(columns) and columns <= gone

    def _created(self, values: Values) -> Lines:
        name = identifier(self.dialect, values.name, values.schema)
        create = f"CREATE TYPE {name} AS ENUM ({', '.join(map(literal, values.labels))})"
        return Lines(
            on("postgresql", [execute(create)]),
            on("postgresql", [execute(f"DROP TYPE {name}")]),
            f"create type {values.name}",
        )

    def _changed(self, old: Values, new: Values) -> Iterator[Lines]:
        labels = list(old.labels)
        for before, after in self._renames(old, new):
            labels[labels.index(before)] = after
            yield self._value_renamed(new, before, after)
        left = Values(old.schema, old.name, tuple(labels))
        if set(labels) - set(new.labels):
            yield self._rebuilt(left, new)
        elif set(new.labels) - set(labels):
            yield self._extended(left, new)

    def _renames(self, old: Values, new: Values) -> list[tuple[str, str]]:
        gone = [label for label in old.labels if label not in new.labels]
        come = [label for label in new.labels if label not in old.labels]
        found = []
        for label in gone:
            after = next((each for each in come if self._renamed_to(old, new, label, each)), None)
            if after is not None:
                come.remove(after)
                found.append((label, after))
        return found

    def _renamed_to(self, old: Values, new: Values, before: str, after: str) -> bool:
        if self.wishes.renamed(old.name, before, after):
            return True
        moved = any((each.within, each.old) == (old.name, before) for each in self.wishes.renames)
        # At the same place among as many: anything else would be a guess.
        alike = len(old.labels) == len(new.labels) and (
            old.labels.index(before) == new.labels.index(after)
        )
        if moved or not alike or not self.wishes.guess:
            return False
        answer = self.wishes.ask(f"Was the value {old.name}.{before} renamed to {after}?")
        if answer is None:
            raise InvalidInput(
                f"the value {before!r} of {old.name} goes and {after!r} comes: say "
                f"--rename {old.name}.{before}:{after}, or --no-renames where it is another",
                code="rename_unclear",
            )
        return answer

    def _value_renamed(self, values: Values, before: str, after: str) -> Lines:
        name = identifier(self.dialect, values.name, values.schema)

        def lines(one: str, other: str) -> list[str]:
            rename = f"ALTER TYPE {name} RENAME VALUE {literal(one)} TO {literal(other)}"
            return on("postgresql", [execute(rename)])

        told = f"rename value {values.name}.{before} to {after}"
        return Lines(lines(before, after), lines(after, before), told)

    def _extended(self, old: Values, new: Values) -> Lines:
        name = identifier(self.dialect, new.name, new.schema)
        added_labels = ", ".join(each for each in new.labels if each not in old.labels)
        added = [
            execute(f"ALTER TYPE {name} ADD VALUE IF NOT EXISTS {literal(label)}{place}")
            for label, place in _places(old.labels, new.labels)
        ]
        # Outside of the transaction: a value that it adds cannot be used in it.
        return Lines(
            on("postgresql", alone(added)),
            self._rebuild(Values(new.schema, new.name, tuple(_merged(old, new))), old, {}),
            f"add to {new.name}: {added_labels}",
        )

    def _rebuilt(self, old: Values, new: Values) -> Lines:
        moves = self._moves(old, new)
        self._check_rows(old, new, moves)
        gone = ", ".join(each for each in old.labels if each not in new.labels)
        return Lines(
            self._rebuild(old, new, moves),
            self._rebuild(new, old, {}),
            f"take from {new.name}: {gone}",
        )

    def _moves(self, old: Values, new: Values) -> dict[str, str]:
        """What rows get that have a value which is gone, as --rename says."""
        gone = [label for label in old.labels if label not in new.labels]
        said = {label: self.wishes.new_name(old.name, label) for label in gone}
        return {label: after for label, after in said.items() if after in new.labels}

    def _check_rows(self, old: Values, new: Values, moves: Mapping[str, str]) -> None:
        for label in old.labels:
            if label in new.labels or label in moves:
                continue
            for column in columns_of(self.connection, old):
                if rows := self._rows(column, label):
                    raise InvalidInput(
                        f"{rows} rows have {label!r} in {column.table}.{column.name}, which "
                        f"{old.name} no longer has: --rename {old.name}.{label}:OTHER gives them "
                        "another of its values",
                        code="enum_value_used",
                    )

    def _rows(self, column: Column, label: str) -> int:
        quote = self.dialect.identifier_preparer.quote
        table = identifier(self.dialect, column.table, column.schema)
        name = quote(column.name)
        is_it = f":label = ANY({name}::text[])" if column.array else f"{name}::text = :label"
        counted = text(f"SELECT count(*) FROM {table} WHERE {is_it}")  # noqa: S608 -- quoted names
        return int(self.connection.scalar(counted, {"label": label}) or 0)

    def _rebuild(self, old: Values, new: Values, moves: Mapping[str, str]) -> list[str]:
        """PostgreSQL takes no value from a type: another takes its place, in one transaction."""
        name = identifier(self.dialect, new.name, new.schema)
        quote = self.dialect.identifier_preparer.quote
        aside = identifier(self.dialect, f"{new.name}_before"[:63], new.schema)
        present = columns_of(self.connection, old)
        columns = [self._after(each) for each in present]
        named = self._conditions(present)
        create = f"CREATE TYPE {name} AS ENUM ({', '.join(map(literal, new.labels))})"
        statements = [
            *(each for column in columns for each in self._moved(column, moves)),
            f"ALTER TYPE {name} RENAME TO {quote(f'{new.name}_before'[:63])}",
            create,
            *(each.drop for each in named),
            *(each for column in columns for each in self._retyped(column, name, new)),
            *(each.create for each in named),
            f"DROP TYPE {aside}",
        ]
        return on("postgresql", map(execute, statements))

    def _conditions(self, columns: Sequence[Column]) -> list[Dependent]:
        """What goes meanwhile; a view cannot, which may be read by others and belong to them."""
        for column in columns:
            self.warnings += [
                f"{view} reads {column.table}.{column.name}, whose type another takes the place "
                "of: drop the view before, and make it again after"
                for view in views(self.connection, column)
            ]
        found = [
            each for column in columns for each in conditions(self.connection, column, self._names)
        ]
        return list(dict.fromkeys(found))

    def _moved(self, column: Column, moves: Mapping[str, str]) -> Iterator[str]:
        table = identifier(self.dialect, column.table, column.schema)
        name = self.dialect.identifier_preparer.quote(column.name)
        for before, after in moves.items():
            one, other = literal(before), literal(after)
            if column.array:
                yield (
                    f"UPDATE {table} SET {name} = array_replace({name}, {one}, {other}) "  # noqa: S608
                    f"WHERE {one} = ANY({name})"
                )
            else:
                yield f"UPDATE {table} SET {name} = {other} WHERE {name} = {one}"  # noqa: S608

    def _retyped(self, column: Column, type_: str, new: Values) -> Iterator[str]:
        table = identifier(self.dialect, column.table, column.schema)
        name = self.dialect.identifier_preparer.quote(column.name)
        array = "[]" if column.array else ""
        alter = f"ALTER TABLE {table} ALTER COLUMN {name}"
        if column.default is not None:  # it is of the type that goes
            yield f"{alter} DROP DEFAULT"
        yield f"{alter} TYPE {type_}{array} USING {name}::text{array}::{type_}{array}"
        if column.default is not None and _possible(column.default, new.labels):
            yield f"{alter} SET DEFAULT {column.default}"

    def _after(self, column: Column) -> Column:
        table = self._names.table(column.schema, column.table)
        name = self._names.column(column.schema, table, column.name)
        return Column(column.schema, table, name, column.array, column.default)


def _places(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each new value, and where it goes among those that are there by then."""
    for number, label in enumerate(new):
        if label in old:
            continue
        if number:
            yield label, f" AFTER {literal(new[number - 1])}"
        else:
            following = next((each for each in new if each in old), None)
            yield label, f" BEFORE {literal(following)}" if following else ""


def _merged(old: Values, new: Values) -> Sequence[str]:
    return new.labels if set(old.labels) <= set(new.labels) else (*old.labels, *new.labels)


def _possible(default: str, labels: Sequence[str]) -> bool:
    """Whether a column's default is still one of the values."""
    quoted = [literal(label) for label in labels]
    return not default.startswith("'") or any(default.startswith(each) for each in quoted)
