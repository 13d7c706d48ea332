"""Every account, as lines that can be imported again; in the order of their keys.

A page at a time, each read by itself: whatever is written meanwhile is neither held up nor held
together. What the lines leave out is in docs/import.md.
"""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.models import WHOLE_APP, Role, User, UserRole
from backoffice.auth.user_files.columns import COLUMNS, guarded
from backoffice.auth.user_files.events import UsersExported
from backoffice.auth.users import Users
from backoffice.core import Database, Events

#: Accounts that are read at a time.
PAGE = 1000
Account = dict[str, Any]


class Exports:
    """Exports accounts."""

    def __init__(self, database: Database, events: Events, users: Users) -> None:
        self._database = database
        self._events = events
        self._users = users

    async def lines(
        self, form: str, *, with_hashes: bool = False, actor: str
    ) -> AsyncIterator[tuple[str, int]]:
        """The text of so many accounts at a time, in the format `csv` or `jsonl`.

        The audit log has it before the first account is read.
        """
        event = UsersExported(actor=actor, subject="users", with_hashes=with_hashes)
        async with self._database.session() as session:
            await self._events.emit(event, session)
            await session.commit()
        names = [each for each in COLUMNS if each != "password"]
        if not with_hashes:
            names.remove("password_hash")
        if form == "csv":
            yield _csv([dict(zip(names, names, strict=True))]), 0
        async for page in self._pages():
            shown = [{name: each[name] for name in names} for each in page]
            yield (_csv(shown) if form == "csv" else _json(shown)), len(page)

    async def _pages(self) -> AsyncIterator[list[Account]]:
        user = self._users.records.user
        query = select(user).order_by(col(user.id)).limit(PAGE)
        page = query
        while True:
            async with self._database.session() as session:
                found = (await session.exec(page)).all()
                roles = await _roles(session, [each.id for each in found])
            if not found:
                return
            yield [_account(each, roles.get(each.id, [])) for each in found]
            page = query.where(col(user.id) > found[-1].id)


async def _roles(session: AsyncSession, ids: Sequence[Any]) -> dict[Any, list[str]]:
    """Those that are held for good; for a while is nothing that a file can say."""
    query = (
        select(UserRole.user_id, Role.name)
        .join(Role, col(Role.id) == col(UserRole.role_id))
        .where(
            col(UserRole.user_id).in_(ids),
            UserRole.scope == WHOLE_APP,
            col(UserRole.expires_at).is_(None),
        )
        .order_by(col(Role.name))
    )
    held: dict[Any, list[str]] = {}
    for user_id, name in (await session.exec(query)).all():
        held.setdefault(user_id, []).append(name)
    return held


def _account(user: User, roles: list[str]) -> Account:
    return {
        "email": user.email,
        # Of an account without a password there is none, and no other system's mark of that.
        "password_hash": user.hashed_password if user.hashed_password[:1] not in "!*" else None,
        "is_active": user.is_active,
        "is_verified": user.is_verified,
        "is_superuser": user.is_superuser,
        "roles": roles,
        "created_at": None if user.created_at is None else _moment(user.created_at),
        "service": user.is_service,
    }


def _moment(moment: datetime) -> str:
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.isoformat()


def _json(accounts: Iterable[Account]) -> str:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in accounts)


def _csv(accounts: Iterable[Account]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for each in accounts:
        rows.writerow([guarded(_cell(value)) for value in each.values()])
    return text.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        plain = not any("|" in each or each != each.strip() or each[:1] == "[" for each in value)
        return "|".join(value) if plain else json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)
