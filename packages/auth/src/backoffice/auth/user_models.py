"""The app's own table of users: which one, what it calls what we need, and what it lacks.

What it lacks is in `backoffice_account`, whose key is the user's. A user without a row there is an
ordinary one, so that the app may go on adding users by itself.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ColumnExpressionArgument,
    Index,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    false,
    func,
    select,
    true,
)
from sqlalchemy import inspect as inspected
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import NoInspectionAvailable
from sqlalchemy.orm import ColumnProperty, Mapper, column_property, registry
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.sqltypes import UTCDateTime

from backoffice.auth.models import User
from backoffice.auth.user_keys import UserKey
from backoffice.auth.user_records import UserRecords
from backoffice.core import InvalidInput, SetupError

#: Beside an adopted table. No part of SQLModel's metadata: other apps have no such table.
ACCOUNT = Table(
    "backoffice_account",
    MetaData(),
    Column("user_id", UserKey(), primary_key=True, autoincrement=False),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("is_superuser", Boolean, nullable=False, server_default=false()),
    Column("is_verified", Boolean, nullable=False, server_default=false()),
    Column("is_service", Boolean, nullable=False, server_default=false()),
    Column("locked_until", UTCDateTime()),
    Column("created_at", UTCDateTime()),
    Column("password_changed_at", UTCDateTime()),
)
#: What a user without a row beside is.
_ORDINARY = {
    "is_active": true(),
    "is_superuser": false(),
    "is_verified": false(),
    "is_service": false(),
}
#: What a new user is, unless it is said otherwise.
_NEW = {"is_active": True, "is_superuser": False, "is_verified": False}
#: Of today's hashes, with room for a larger salt.
_HASH_LENGTH = 100
_ADDRESS_LENGTH = 320
_LARGEST = 2**63 - 1

Fields = dict[str, Any]


class UserModel(UserRecords):
    """The users of the app's own table: `Auth(user_model=UserModel(User, email="mail"))`.

    `model` is a mapped class (SQLModel or SQLAlchemy) with one key, a UUID or an integer. The
    names are those of its attributes; `is_active`, `is_superuser` and `is_verified` are looked for
    under these very names, and None keeps one beside the table even so. `create` makes an object of
    the class from what is known of a new user (`email`, `hashed_password`, and those of the three
    that the table has, under the names of the class), where the class itself needs to be given
    more. SetupError where the table will not do.
    """

    adopted = True

    def __init__(
        self,
        model: type[Any],
        *,
        email: str = "email",
        hashed_password: str = "hashed_password",  # noqa: S107 - the name of a column
        is_active: str | None = "is_active",
        is_superuser: str | None = "is_superuser",
        is_verified: str | None = "is_verified",
        create: Callable[[Fields], Any] | None = None,
    ) -> None:
        self.model = model
        self._mapper = _mapper(model)
        self.table = _table(model, self._mapper)
        self.name = self.table.name
        self._key = _key(model, self._mapper)
        #: Ours to the attribute of the class.
        self.names = {"email": email, "hashed_password": hashed_password}
        chosen = {"is_active": is_active, "is_superuser": is_superuser, "is_verified": is_verified}
        self.names |= {
            ours: theirs for ours, theirs in chosen.items() if theirs and self._has(ours, theirs)
        }
        self.key = self._mapper.get_property_by_column(self._key).key
        ours = {self.key, *self.names.values(), *User.model_fields}
        self.own = [each.key for each in self._mapper.column_attrs if each.key not in ours]
        self._create = create or model
        self._needs = [] if create is not None else _needed(self._mapper, self.names.values())
        self._check()
        # Its attributes are those of User, which mypy cannot know of a class that is made here.
        self.user = self._mapped()

    def read_id(self, text: str) -> Any:
        """The key that is written so, in the one way to write it; ValueError for any other text."""
        if self._key.type.python_type is UUID:
            return super().read_id(text)
        found = int(text)
        if str(found) != text or abs(found) > _LARGEST:
            raise ValueError(text)
        return found

    def has_email(self, address: str) -> ColumnElement[bool]:
        """By the address in lower case, for the app may have kept it as it was typed.

        There may be several whose addresses differ by case alone.
        """
        return func.lower(col(self.user.email)) == address

    def check_new(self) -> None:
        """InvalidInput where the class needs more than is known of a new user."""
        if self._needs:
            raise InvalidInput(
                f"{self.model.__name__} needs {', '.join(self._needs)}: users are made by the app, "
                "or with UserModel(create=...)",
                code="user_needs_more",
            )

    async def add(self, session: AsyncSession, fields: Fields) -> User:
        """A new user, made as an object of the app's class, and what is kept beside."""
        self.check_new()
        theirs, ours = self._divided(_NEW | fields)
        made = self._create(theirs) if self._create is not self.model else self.model(**theirs)
        session.add(made)
        await session.flush()
        id = inspected(made).identity[0]
        await self._keep(session, id, ours)
        return await session.get_one(self.user, id)

    async def set(self, session: AsyncSession, user: User, fields: Fields) -> None:
        """Set fields of a user: the app's in its table, the others beside."""
        _, ours = self._divided(fields)
        for field in fields.keys() - ours.keys():
            setattr(user, field, fields[field])
        session.add(user)
        await session.flush()
        if ours:
            # Held: who signs in meanwhile sees it, though it is written beside.
            held = select(self._key).where(self._key == user.id).with_for_update(key_share=True)
            await session.exec(held)  # type: ignore[call-overload]
            await self._keep(session, user.id, ours)
            await session.refresh(user)

    async def delete(self, session: AsyncSession, user: User) -> None:
        """Delete a user as an object of the app's class, whose own cascades hold."""
        theirs = await session.get_one(self.model, user.id)
        session.expunge(user)
        await session.delete(theirs)
        await session.flush()

    def wanted(self, found: str) -> str:  # noqa: ARG002
        """What to do where the tables of accounts refer to that table."""
        return (
            f'and user_model is {self.name}: set user_table = "{self.name}" under '
            "[tool.backoffice] in pyproject.toml, or BACKOFFICE_MIGRATIONS__USER_TABLE, and run "
            "`backoffice migrate up`"
        )

    async def still(
        self, session: AsyncSession, id: UUID, *conditions: ColumnExpressionArgument[bool]
    ) -> bool:
        """Asked once more: what is kept beside may have changed while the row was waited for."""
        found = select(self._key).where(self._key == id, *conditions)
        return (await session.exec(found)).one_or_none() is not None  # type: ignore[call-overload]

    def _divided(self, fields: Fields) -> tuple[Fields, Fields]:
        """What the app's table keeps, by the names of the class, and what is kept beside."""
        theirs = {self.names[each]: fields[each] for each in fields if each in self.names}
        return theirs, {each: fields[each] for each in fields if each not in self.names}

    async def _keep(self, session: AsyncSession, id: Any, fields: Fields) -> None:
        dialect = session.get_bind().dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        kept = insert(ACCOUNT).values(user_id=id, **fields)
        await session.exec(kept.on_conflict_do_update(index_elements=["user_id"], set_=fields))

    def _mapped(self) -> type[User]:
        made: type[Any] = type("User", (_Adopted,), {"__doc__": "A user of the app's own table."})
        properties: dict[str, Any] = {"id": self._key}
        for each in [*ACCOUNT.columns.keys(), "email", "hashed_password"]:
            if each in self.names:
                properties[each] = self._column(each)
            elif each != "user_id":
                properties[each] = column_property(self._beside(each))
        # Columns of the app's that have our names, and mean something else, are left out.
        shown = [each for each in properties.values() if isinstance(each, Column)]
        registry().map_imperatively(
            made, self.table, properties=properties, include_properties=shown
        )
        return made

    def _beside(self, name: str) -> ColumnElement[Any]:
        kept = (
            select(ACCOUNT.c[name])
            .where(ACCOUNT.c.user_id == self._key)
            .correlate_except(ACCOUNT)
            .scalar_subquery()
        )
        return func.coalesce(kept, _ORDINARY[name]) if name in _ORDINARY else kept

    def _has(self, ours: str, theirs: str) -> bool:
        if ours == theirs and theirs not in self._mapper.column_attrs:
            return False
        if not isinstance(self._attribute(theirs).type, Boolean):
            raise SetupError(
                f"{self.model.__name__}.{theirs} is no boolean; {ours}=None keeps it beside"
            )
        return True

    def _column(self, ours: str) -> Column[Any]:
        return self._attribute(self.names[ours])

    def _attribute(self, theirs: str) -> Column[Any]:
        found = self._mapper.attrs.get(theirs)
        if not isinstance(found, ColumnProperty) or not isinstance(found.columns[0], Column):
            there = ", ".join(each.key for each in self._mapper.column_attrs)
            raise SetupError(
                f"{self.model.__name__} has no column {theirs!r}; there are {there}. "
                'Name it: UserModel(..., email="mail")'
            )
        return found.columns[0]

    def _check(self) -> None:
        email, hashed = self._column("email"), self._column("hashed_password")
        if not _unique(self.table, email):
            raise SetupError(
                f"{self.model.__name__}.{self.names['email']} is not unique: two could register "
                "one address at once. Make it unique, in the table as well"
            )
        _check_length(self.model, email, _ADDRESS_LENGTH, least=64)
        _check_length(self.model, hashed, _HASH_LENGTH, least=_HASH_LENGTH)


class _Adopted:
    """What the class that is mapped onto an adopted table has of its own."""

    #: For forms, which ask what a field is like.
    model_fields = User.model_fields
    id: Any

    def __repr__(self) -> str:
        return f"<user {self.id}>"


def _mapper(model: type[Any]) -> Mapper[Any]:
    try:
        found: Any = inspected(model)
    except NoInspectionAvailable:
        found = None
    if not isinstance(found, Mapper):
        raise SetupError(f"user_model takes a mapped class (SQLModel, table=True), not {model!r}")
    return found


def _table(model: type[Any], mapper: Mapper[Any]) -> Table:
    if not isinstance(mapper.local_table, Table) or mapper.inherits is not None:
        raise SetupError(f"{model.__name__} is not mapped onto one table")
    return mapper.local_table


def _key(model: type[Any], mapper: Mapper[Any]) -> Column[Any]:
    keys = mapper.primary_key
    if len(keys) != 1 or keys[0].type.python_type not in (int, UUID):
        raise SetupError(f"the key of {model.__name__} must be one column, a UUID or an integer")
    found = keys[0]
    assert isinstance(found, Column)  # noqa: S101 - of a table that is one
    return found


def _unique(table: Table, column: Column[Any]) -> bool:
    sets = [each.columns for each in table.constraints if isinstance(each, UniqueConstraint)]
    indexes = [each.columns for each in table.indexes if isinstance(each, Index) and each.unique]
    return bool(column.unique) or any(
        len(each) == 1 and column.name in each for each in (*sets, *indexes)
    )


def _check_length(model: type[Any], column: Column[Any], wanted: int, *, least: int) -> None:
    kind = getattr(column.type, "impl_instance", column.type)
    if not isinstance(kind, String):
        raise SetupError(f"{model.__name__}.{column.key} holds no text")
    if kind.length is not None and kind.length < least:
        raise SetupError(
            f"{model.__name__}.{column.key} holds {kind.length} characters, and must hold "
            f"{wanted}: widen it, in the table as well"
        )


def _needed(mapper: Mapper[Any], given: Any) -> list[str]:
    """Attributes that an object cannot do without, and that nobody would give."""
    found = []
    fields = getattr(mapper.class_, "model_fields", {})
    for each in mapper.column_attrs:
        column = each.columns[0]
        if not isinstance(column, Column) or column.nullable or column.primary_key:
            continue
        made = column.default is not None or column.server_default is not None
        if each.key in fields:
            made = made or not fields[each.key].is_required()
        if not made and each.key not in given:
            found.append(each.key)
    return found
