"""Tracks: the tables of which the history tells, and their rows as the database has them now."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, or_, select
from sqlalchemy import inspect as inspected
from sqlalchemy.orm import LoaderCallableStatus, Mapper
from sqlalchemy.orm.attributes import set_committed_value

from backoffice.admin.columns import secrets_of
from backoffice.admin.history.parts import Part, parts_of, parts_of_roles, parts_of_users
from backoffice.admin.labels import words
from backoffice.admin.records import RecordView
from backoffice.auth import ApiKey, AuditEntry, Role, User, UserSession
from backoffice.auth.user_models import ACCOUNT

#: The values of a primary key.
Key = tuple[Any, ...]
Row = Mapping[str, Any]
#: Rows that are asked for by name in one statement.
_AT_ONCE = 500
_LABEL_LENGTH = 200
_KEY_LENGTH = 512
_NOT_READ = object()
#: Values of these kinds are replaced, and never changed.
_FIXED = (
    type(None),
    str,
    int,
    float,
    Decimal,
    date,
    time,
    timedelta,
    UUID,
    bytes,
    Enum,
)
#: Of what changes by itself, the columns whose changes somebody has made.
_WATCHED: Mapping[type[Any], frozenset[str]] = {
    UserSession: frozenset({"ended_at"}),
    ApiKey: frozenset(ApiKey.model_fields) - {"last_used_at"},
}


@dataclass(frozen=True, eq=False)
class Track:
    """A model with a page in the admin."""

    view: RecordView
    #: Whether it is told of in every session, or only where somebody follows it.
    always: bool
    parts: Sequence[Part]
    #: Tables beside whose rows belong to a record of this one, and the column that says to which.
    beside: Mapping[Table, Column[Any]] = field(default_factory=dict)

    @cached_property
    def mapper(self) -> Mapper[Any]:
        """Of the view's model."""
        found: Mapper[Any] = inspected(self.view.model)
        return found

    @cached_property
    def table(self) -> Table:
        """The table that the model's own rows are in."""
        found = self.mapper.local_table
        assert isinstance(found, Table)  # noqa: S101 - views are of tables
        return found

    @cached_property
    def columns(self) -> dict[str, ColumnElement[Any]]:
        """What is read of a row, by the names of the model's attributes."""
        return {each.key: each.columns[0] for each in self.mapper.column_attrs}

    @cached_property
    def secret(self) -> frozenset[str]:
        """The columns whose values are kept nowhere."""
        return secrets_of(self.view.model)

    @cached_property
    def watched(self) -> frozenset[str]:
        """The fields of whose changes is told."""
        found = _WATCHED.get(self.view.model, frozenset(self.columns))
        return found | {each.field for each in self.parts}

    @property
    def resource(self) -> str:
        """By which name entries are found."""
        return self.view.resource

    def read(
        self, connection: Connection, keys: Collection[Key], *, hold: bool = False
    ) -> dict[Key, Row]:
        """The rows that there are now, with their parts; held until the transaction ends if
        they are about to be written."""
        found: dict[Key, Row] = {}
        for some in _batches(sorted(keys, key=repr)):
            found |= self._read(connection, some, hold)
        return found

    def as_read(self, record: Any) -> Row | None:
        """The row of a record as it was read; None where not all of it was, or where a value may
        have been changed in its place."""
        state = inspected(record)
        if self.parts or state.mapper is not self.mapper:
            return None
        found = {
            name: state.committed_state.get(name, state.dict.get(name, _NOT_READ))
            for name in self.columns
        }
        return found if all(map(_is_fixed, found.values())) else None

    def matching(
        self, connection: Connection, clause: ColumnElement[bool] | None, most: int
    ) -> list[Key]:
        """The keys of the rows for which this holds, up to a number of them."""
        query = select(*self.mapper.primary_key).limit(most)
        rows = connection.execute(query if clause is None else query.where(clause))
        return [tuple(row) for row in rows]

    def record(self, row: Row) -> Any:
        """An object of the model with these values, that belongs to no session."""
        made = self.mapper.class_manager.new_instance()
        for name in self.columns.keys() - self.secret:
            set_committed_value(made, name, row.get(name))
        return made

    def values(self, column: Any, rows: Sequence[Row]) -> list[Any]:
        """What these rows have in a column of the table."""
        names = {id(each): name for name, each in self.columns.items()}
        return [row[names[id(column)]] for row in rows] if id(column) in names else []

    def key(self, row: Row) -> str:
        """As it stands in addresses."""
        return self.view.keys.of(self.record(row))[:_KEY_LENGTH]

    def label(self, row: Row) -> str:
        """What the record is called."""
        try:
            return self.view.label(self.record(row))[:_LABEL_LENGTH]
        except Exception:  # noqa: BLE001 - the model's own `__str__` may want what is not there
            return f"{words(self.view.model.__name__)} {self.key(row)}"[:_LABEL_LENGTH]

    def _read(self, connection: Connection, keys: Sequence[Key], hold: bool) -> dict[Key, Row]:
        query = select(*self.mapper.primary_key, *self.columns.values())
        query = query.select_from(self.mapper.selectable).where(self._among(keys))
        if hold:
            query = query.with_for_update(key_share=True, of=self.table)
        width = len(self.mapper.primary_key)
        found = {
            tuple(row[:width]): dict(zip(self.columns, row[width:], strict=True))
            for row in connection.execute(query)
        }
        for part in self.parts if found else ():
            values = part.read(connection, [key[0] for key in found])
            for key, row in found.items():
                row[part.field] = values.get(key[0])
        return dict(found)

    def _among(self, keys: Sequence[Key]) -> ColumnElement[bool]:
        columns = self.mapper.primary_key
        if len(columns) == 1:
            return columns[0].in_([key[0] for key in keys])
        return or_(
            *(
                and_(*(column == value for column, value in zip(columns, key, strict=True)))
                for key in keys
            )
        )


class Tracks:
    """All of an admin, by their tables."""

    def __init__(self, views: Iterable[RecordView]) -> None:
        self.all = list(_tracks(views))
        #: The first view of a table tells of it.
        self.by_table = {each.table: each for each in reversed(self.all)}
        #: Tables of parts, and beside others: the track, and the column that holds its key.
        self.owned: dict[Table, list[tuple[Track, Any]]] = {}
        for track in self.all:
            for part in track.parts:
                self.owned.setdefault(part.table, []).append((track, part.owner))
            for table, owner in track.beside.items():
                self.owned.setdefault(table, []).append((track, owner))

    def __bool__(self) -> bool:
        return bool(self.all)

    def of_resource(self, resource: str) -> Track | None:
        """The track of the page with that name."""
        return next((each for each in self.all if each.resource == resource), None)

    def referring(self, track: Track) -> Iterator[tuple[Track, Column[Any], Column[Any], bool]]:
        """The tracks whose rows refer to rows of this one: by which column to which, and whether
        they go with it."""
        for other in self.by_table.values():
            for key in other.table.foreign_keys:
                if key.column.table is track.table:
                    yield other, key.parent, key.column, (key.ondelete or "").upper() == "CASCADE"

    def naming(self, track: Track) -> Iterator[tuple[Track, Any, Column[Any], Column[Any]]]:
        """The tracks that have rows of this one among their parts: their owner's column, the
        column that refers, and the one that it refers to."""
        for table, owners in self.owned.items():
            for other, owner in owners:
                for key in table.foreign_keys:
                    if key.column.table is track.table and key.parent is not owner:
                        yield other, owner, key.parent, key.column


def _tracks(views: Iterable[RecordView]) -> Iterator[Track]:
    for view in views:
        if view.model is AuditEntry or not isinstance(inspected(view.model).local_table, Table):
            continue
        if view.model is Role:
            yield Track(view, always=True, parts=[*parts_of_roles()])
        elif view.model in (ApiKey, UserSession):
            yield Track(view, always=True, parts=[])
        elif view.model is User or view.resource == "users":
            beside = {} if view.model is User else {ACCOUNT: ACCOUNT.c.user_id}
            yield Track(view, always=True, parts=[*parts_of_users()], beside=beside)
        else:
            yield Track(view, always=False, parts=[*parts_of(inspected(view.model))])


def key_of(record: object) -> Key:
    """The key that a record has."""
    return tuple(inspected(record).mapper.primary_key_from_instance(record))


def identity_of(record: object) -> Key:
    """The key by which the database has it still."""
    return tuple(inspected(record).identity)


def track_of(view: RecordView) -> Track | None:
    """How the history reads the records of a page; None for one that it does not tell of."""
    return next(_tracks([view]), None)


def _is_fixed(value: object) -> bool:
    # By which SQLAlchemy says that nobody has read what was there before.
    return isinstance(value, _FIXED) and not isinstance(value, LoaderCallableStatus)


def _batches(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
