"""How users are kept: in our own table, unless the app has one (`user_models.py`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ColumnExpressionArgument,
    Connection,
    inspect,
    or_,
)
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import User
from backoffice.auth.user_keys import read_uuid
from backoffice.core import Database, SetupError, Unavailable
from backoffice.core.user_tables import referred


class UserRecords:
    """What is asked of the users of an app, and how they are written."""

    #: The class that queries are about. Of an adopted table it is another one, of the same
    #: attributes.
    user: type[User] = User
    #: The app's own class of them.
    model: type[Any] = User
    #: Whether the table is the app's own.
    adopted = False
    #: Of the table.
    name = "backoffice_user"
    #: What that class calls the key.
    key = "id"
    #: Our names of attributes to those of that class, where it has them under others.
    names: Mapping[str, str] = MappingProxyType({})
    #: What that class has besides, which is nothing to us, by its names.
    own: Sequence[str] = ()

    def read_id(self, text: str) -> UUID:
        """The key that is written so, in the one way to write it; ValueError for any other text."""
        return read_uuid(text)

    def has_email(self, address: str) -> ColumnElement[bool]:
        """That it is the user with that (normalised) address."""
        return col(self.user.email) == address

    def unlocked(self, moment: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
        """What holds of a user whose credentials are good then, but for being active."""
        locked_until = col(self.user.locked_until)
        return or_(locked_until.is_(None), locked_until <= moment)

    def check_new(self) -> None:
        """InvalidInput where users cannot be made but by the app."""

    async def add(self, session: AsyncSession, fields: dict[str, Any]) -> User:
        """A new user, written; IntegrityError if the address is taken."""
        user = self.user(**fields)
        session.add(user)
        await session.flush()
        return user

    async def set(self, session: AsyncSession, user: User, fields: dict[str, Any]) -> None:
        """Set fields of a user, and write it."""
        for field, value in fields.items():
            setattr(user, field, value)
        session.add(user)
        await session.flush()

    async def delete(self, session: AsyncSession, user: User) -> None:
        """Delete a user; sessions, keys and roles go by the tables' cascade."""
        await session.delete(user)
        await session.flush()

    async def check(self, database: Database) -> None:
        """SetupError where the tables beside are those of another table of users.

        What cannot be asked now is asked at the next start.
        """
        try:
            async with database.session() as session:
                found = await (await session.connection()).run_sync(_referred)
        except Unavailable:
            return
        if found not in (None, self.name):
            raise SetupError(f"the tables of accounts refer to {found}, {self.wanted(found)}")

    def wanted(self, found: str) -> str:
        """What to do where the tables of accounts refer to that table."""
        return (
            "and Auth() has no user_model: write Auth(user_model=...) with the class of the table "
            f"{found}; for accounts in {self.name} take user_table out of pyproject.toml, and "
            "begin with another database"
        )

    async def still(
        self,
        session: AsyncSession,  # noqa: ARG002 - a row that is held is all that there is
        id: UUID,  # noqa: ARG002
        *conditions: ColumnExpressionArgument[bool],  # noqa: ARG002
    ) -> bool:
        """Whether these hold of a user whose row was found to fulfil them, and is held."""
        return True


def _referred(connection: Connection) -> str | None:
    return referred(inspect(connection))
