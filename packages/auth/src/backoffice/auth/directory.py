"""The directory: accounts by page, for those who look for some of many."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlmodel import col, select

from backoffice.auth.holdings import in_force
from backoffice.auth.models import User, UserRole
from backoffice.auth.role_records import named
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Database

#: No address is longer: what is longer is in none.
_LONGEST = 320


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which accounts: those of which all holds that is not None."""

    #: The name of a role that they were given, which has not run out.
    role: str | None = None
    is_active: bool | None = None
    is_superuser: bool | None = None
    #: A part of the address, in either case.
    search: str | None = None


class Directory:
    """Finds accounts."""

    def __init__(self, database: Database, clock: Clock, records: UserRecords) -> None:
        self._database = database
        self._clock = clock
        self._records = records

    async def page(
        self, wanted: Wanted | None = None, *, limit: int = 100, after: str = ""
    ) -> list[User]:
        """Those accounts in the order of their addresses; `after` is the last address of the page
        before. NotFound for a role that there is not."""
        wanted, user = wanted or Wanted(), self._records.user
        query = select(user).order_by(col(user.email)).limit(limit)
        query = query.where(*self._conditions(user, wanted))
        if after:
            query = query.where(col(user.email) > after)
        async with self._database.session() as session:
            if wanted.role is not None:
                role = await named(session, wanted.role)
                query = query.where(col(user.id).in_(self._holders(role.id)))
            return list((await session.exec(query)).all())

    def _conditions(self, user: type[User], wanted: Wanted) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if wanted.is_active is not None:
            found.append(col(user.is_active).is_(wanted.is_active))
        if wanted.is_superuser is not None:
            found.append(col(user.is_superuser).is_(wanted.is_superuser))
        if wanted.search is not None:
            found.append(col(user.email).icontains(_in_small(wanted.search), autoescape=True))
        return found

    # Any: how a query is typed depends on what it asks for.
    def _holders(self, role_id: Any) -> Any:
        return sqlalchemy.select(col(UserRole.user_id)).where(
            col(UserRole.role_id) == role_id, in_force(UserRole, self._clock.now())
        )


def _in_small(search: str) -> str:
    """As addresses are kept: SQLite knows of no other small letters than those of ASCII."""
    return search[: _LONGEST + 1].lower()
