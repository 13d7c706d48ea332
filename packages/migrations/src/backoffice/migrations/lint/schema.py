"""What is known of the tables before a statement runs: from the history, and from a database."""

from dataclasses import dataclass, field, replace

#: A table of fewer rows is read or written anew in a few milliseconds.
SMALL = 10_000


@dataclass
class Column:
    """A column, its type as PostgreSQL writes it (`character varying(50)`); "" where unknown."""

    type: str = ""
    nullable: bool | None = None


@dataclass(frozen=True)
class Reference:
    """A foreign key: the table that it points at, and its own columns."""

    table: str
    columns: tuple[str, ...] = ()


@dataclass
class Table:
    """A table: its columns by name.

    `complete` says that no other column exists.
    """

    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    complete: bool = False
    #: Columns that a valid CHECK says are not null, by the name of the constraint.
    not_null_checks: dict[str, str] = field(default_factory=dict)
    #: What CHECK constraints say of its rows, by name.
    checks: dict[str, str] = field(default_factory=dict)
    #: CHECK and FOREIGN KEY constraints that were added NOT VALID.
    not_valid: set[str] = field(default_factory=set)
    kind: str = "table"


@dataclass
class Schema:
    """The tables by name; a table in another schema than the first of the path has it before."""

    tables: dict[str, Table] = field(default_factory=dict)
    #: Enum types, by name.
    enums: set[str] = field(default_factory=set)
    #: The table of each index.
    indexes: dict[str, str] = field(default_factory=dict)
    #: The foreign keys of each table, by name.
    references: dict[str, dict[str, Reference]] = field(default_factory=dict)
    #: The partitions of each table that has such.
    parts: dict[str, set[str]] = field(default_factory=dict)
    #: Domains, of which only those with a constraint make a table be written anew.
    domains: set[str] = field(default_factory=set)
    #: How many rows a table of that name has in a database that was asked.
    sizes: dict[str, int] = field(default_factory=dict)
    #: Whether the sessions of the database are in UTC; None where nobody asked.
    utc: bool | None = None

    def has(self, name: str, schema: str | None = None) -> bool:
        """Whether the table exists, as far as is known."""
        return self.table(name, schema) is not None

    def table(self, name: str, schema: str | None = None) -> Table | None:
        """The table of that name."""
        return self.tables.get(qualified(name, schema))

    def names(self, schema: str | None = None) -> list[str]:
        """The tables of one schema."""
        prefix = "" if schema in (None, "public", "main") else f"{schema}."
        return [
            name.removeprefix(prefix)
            for name in self.tables
            if (name.startswith(prefix) if prefix else "." not in name)
        ]

    def columns(self, table: str, schema: str | None = None) -> dict[str, Column]:
        """The columns that are known of a table."""
        found = self.table(table, schema)
        return found.columns if found else {}

    def column(self, table: str, name: str) -> Column:
        """What is known of a column; of one that nobody spoke of, nothing."""
        found = self.tables.get(table)
        return found.columns.get(name, Column()) if found else Column()

    def pointed_at(self, table: str, column: str = "") -> list[str]:
        """The other tables that its foreign keys point at, all or those of one column."""
        found = [
            each.table
            for each in self.references.get(table, {}).values()
            if each.table != table and (not column or column in each.columns)
        ]
        return sorted(set(found))

    def pointing(self, table: str) -> list[str]:
        """The other tables with foreign keys to that one."""
        return [
            name
            for name, keys in self.references.items()
            if name != table and any(each.table == table for each in keys.values())
        ]

    def copy(self) -> "Schema":
        """The same, to be changed apart."""
        return Schema(
            {name: _copy(each) for name, each in self.tables.items()},
            set(self.enums),
            dict(self.indexes),
            {name: dict(each) for name, each in self.references.items()},
            {name: set(each) for name, each in self.parts.items()},
            set(self.domains),
            dict(self.sizes),
            self.utc,
        )


def qualified(name: str, schema: str | None = None) -> str:
    """The name of a table as `Schema` has it: without the schema where it is the usual one."""
    return name if schema in (None, "", "public", "main") else f"{schema}.{name}"


def is_utc(zone: str) -> bool:
    """Whether a time zone of that name is UTC."""
    return zone.upper() in ("UTC", "ETC/UTC", "GMT", "ETC/GMT", "UCT", "ZULU")


def _copy(table: Table) -> Table:
    return replace(
        table,
        columns={name: replace(each) for name, each in table.columns.items()},
        not_null_checks=dict(table.not_null_checks),
        checks=dict(table.checks),
        not_valid=set(table.not_valid),
    )
