"""The accounts of some lines, written in one transaction.

Together where that can be: a thousand accounts in a few statements. One by one, each in a
savepoint, where one line may be refused by others than us: by a rule of an adopted table, by a hook
of the app's manager, by a listener; and where somebody wrote the same accounts meanwhile. Both ways
the events are those of `Users.create` and `Users.change`, for each account.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, insert
from sqlalchemy.exc import DataError, IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.exceptions import HTTPException

from backoffice.auth import audit
from backoffice.auth.events import RoleGranted, UserCreated
from backoffice.auth.models import User, UserRole
from backoffice.auth.passwords import Passwords
from backoffice.auth.roles import Roles
from backoffice.auth.user_files.checkpoints import Counts
from backoffice.auth.user_files.faults import REASONS, Fault, Refused
from backoffice.auth.user_files.granted import Granted, granted, held_by, mighty
from backoffice.auth.user_files.rows import Row
from backoffice.auth.user_files.terms import Terms
from backoffice.auth.user_manager import NO_PASSWORD, NewUser, UserManager
from backoffice.auth.users import Users
from backoffice.core import Clock, Database, Events, InvalidInput, Unavailable

#: What the database may say of one line, and an app's hook or listener.
SAID_OF_A_LINE = (IntegrityError, DataError, HTTPException)
#: Passwords that wait for a thread; more than there are threads, fewer than would be refused.
_HASHED_AT_ONCE = 16


class MeanwhileError(Exception):
    """An account that was there, so that its password was not hashed, is there no more."""


@dataclass
class Written:
    """What has come of the lines of a batch."""

    counts: Counts = field(default_factory=Counts)
    refused: list[tuple[int, Fault]] = field(default_factory=list)

    def refuse(self, refused: Sequence[tuple[int, Fault]]) -> None:
        """These lines are refused."""
        self.counts.refused += len(refused)
        self.refused += refused


@dataclass
class Known:
    """What the database knows of the accounts of some lines."""

    users: dict[str, list[User]]
    #: The names of the roles that those hold.
    held: dict[Any, set[str]]
    roles: dict[str, Granted]
    #: Those of the users who may do everything.
    mighty: set[Any]


class Batches:
    """Writes accounts; `actor` is who the audit log names."""

    def __init__(
        self,
        users: Users,
        roles: Roles,
        passwords: Passwords,
        events: Events,
        clock: Clock,
        terms: Terms,
        actor: str,
    ) -> None:
        self._users = users
        self._records = users.records
        self._roles = roles
        self._passwords = passwords
        self._events = events
        self._clock = clock
        self._terms = terms
        self._actor = actor
        hooked = users.manager_type.on_after_register is not UserManager.on_after_register
        #: Whether several can be written at once, without asking anybody about each.
        self.can_write_together = not (self._records.adopted or hooked)

    async def hash(
        self, database: Database, rows: Sequence[Row], *, dry_run: bool
    ) -> list[tuple[int, Fault]]:
        """Judge and hash the passwords of the rows, before the transaction that writes them; the
        lines that are refused.

        Those of accounts that will be left as they are keep theirs.
        """
        wanted = [each for each in rows if each.password]
        if wanted and self._terms.existing != "update":
            async with database.session() as session:
                there = await self._there(session, [each.email for each in wanted])
            wanted = [each for each in wanted if each.email not in there]
        gate = asyncio.Semaphore(_HASHED_AT_ONCE)

        async def one(row: Row) -> Fault | None:
            async with gate:
                return await self._hashed(database, row, dry_run)

        # All have ended before one of them is the reason to try the lines again.
        found = await asyncio.gather(*map(one, wanted), return_exceptions=True)
        faults = []
        for row, each in zip(wanted, found, strict=True):
            if isinstance(each, BaseException):
                raise each
            if each is not None:
                faults.append((row.line, each))
        return faults

    async def write_together(self, session: AsyncSession, rows: Sequence[Row]) -> Written:
        """Write them all; raises one of SAID_OF_A_LINE where one by one is the way."""
        written = Written()
        known = await self._known(session, rows)
        new = []
        for row in rows:
            try:
                if await self._is_new(session, known, row, written.counts):
                    new.append(row)
            except Refused as refused:
                written.refuse([(row.line, refused.fault)])
        # In one order: of two imports of the same accounts, none waits for the other in a circle.
        new.sort(key=lambda row: row.email)
        await self._insert(session, new, known.roles)
        written.counts.created += len(new)
        return written

    async def write_each(self, session: AsyncSession, rows: Sequence[Row]) -> Written:
        """Write one after the other; what is refused leaves the others as they are."""
        written = Written()
        for row in rows:
            try:
                await self._write(session, row, written.counts)
            except Refused as refused:
                written.refuse([(row.line, refused.fault)])
        return written

    async def _write(self, session: AsyncSession, row: Row, counts: Counts) -> None:
        """Tried twice: the first time, somebody may have made the account meanwhile."""
        for last in (False, True):
            try:
                known = await self._known(session, [row])
                if await self._is_new(session, known, row, counts):
                    async with session.begin_nested():
                        await self._create(session, row)
                    counts.created += 1
            except SAID_OF_A_LINE as error:
                if last or isinstance(error, HTTPException):
                    raise _refusal(error) from None
            else:
                return

    async def _is_new(self, session: AsyncSession, known: Known, row: Row, counts: Counts) -> bool:
        """Whether it is to be created; if there is such an account, what the terms say is done."""
        _check_roles(row, known.roles, superusers=self._terms.superusers)
        there = known.users.get(row.email)
        if there is None:
            if row.password:
                raise MeanwhileError
            return True
        if self._terms.existing == "refuse" or (self._terms.existing == "update" and there[1:]):
            raise Refused("email_taken")
        if self._terms.existing == "update" and self._differs(row, there[0], known.held):
            if not self._terms.superusers and there[0].id in known.mighty:
                _check_entrance(row, there[0])
            await self._update(session, row, there[0])
            counts.updated += 1
        else:
            counts.skipped += 1
        return False

    async def _create(self, session: AsyncSession, row: Row) -> None:
        user = await self._records.add(session, self._fields(row))
        if not user.is_service:
            await self._users.manager(session).on_after_register(user, None)
        for name in row.roles or ():
            await self._roles.add_to(session, user.id, name, actor=self._actor)
        event = UserCreated(actor=self._actor, subject=audit.user(user.id))
        await self._events.emit(event, session)
        await session.flush()

    async def _update(self, session: AsyncSession, row: Row, user: User) -> None:
        fields = self._changes(row)
        try:
            async with session.begin_nested():
                changed = await self._users.change_in(
                    session, user, fields, roles=row.roles, actor=self._actor
                )
                if _new_hash(row, changed):
                    await self._users.put_password(
                        session, changed, str(row.hashed_password), actor=self._actor
                    )
                await session.flush()
        except SAID_OF_A_LINE as error:
            raise _refusal(error) from None

    def _differs(self, row: Row, user: User, held: dict[Any, set[str]]) -> bool:
        if row.service is not None and row.service != user.is_service:
            raise Refused("service_differs")
        if user.is_service and (row.hashed_password or row.password):
            raise Refused("service_password")
        fields = self._changes(row)
        return (
            any(getattr(user, name) != value for name, value in fields.items())
            or _new_hash(row, user)
            or (row.roles is not None and {*row.roles} != held.get(user.id, set()))
        )

    def _changes(self, row: Row) -> dict[str, Any]:
        names = ("is_active", "is_verified", *(("is_superuser",) * self._terms.superusers))
        said = {name: getattr(row, name) for name in names}
        return {name: value for name, value in said.items() if value is not None}

    def _fields(self, row: Row) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "email": row.email,
            "hashed_password": row.hashed_password or NO_PASSWORD,
            "is_active": row.is_active is not False,
            "is_superuser": bool(row.is_superuser),
            "is_verified": bool(row.is_verified),
            "is_service": bool(row.service),
            "created_at": row.created_at or now,
            "password_changed_at": now,
        }

    async def _insert(
        self, session: AsyncSession, rows: Sequence[Row], roles: dict[str, Granted]
    ) -> None:
        if not rows:
            return
        made = [{"id": uuid.uuid4(), **self._fields(row)} for row in rows]
        ids = [each["id"] for each in made]
        held = [
            {"user_id": id, "role_id": roles[name].id}
            for id, row in zip(ids, rows, strict=True)
            for name in row.roles or ()
        ]
        connection = await session.connection()
        await connection.execute(insert(User), made)
        if held:
            await connection.execute(insert(UserRole), held)
        for id, row in zip(ids, rows, strict=True):
            subject = audit.user(id)
            for name in row.roles or ():
                event = RoleGranted(actor=self._actor, subject=subject, role=name)
                await self._events.emit(event, session)
            await self._events.emit(UserCreated(actor=self._actor, subject=subject), session)

    async def _hashed(self, database: Database, row: Row, dry_run: bool) -> Fault | None:
        password = row.password or ""
        try:
            # A session each: the app's own rule may ask the database, and they run side by side.
            async with database.session() as session:
                manager = self._users.manager(session)
                await manager.checked(password, NewUser(email=row.email, password=password))
        except InvalidInput as error:
            return Fault("weak_password", error.message if error.code == "weak_password" else "")
        except HTTPException as error:
            return _refusal(error).fault
        row.hashed_password = NO_PASSWORD if dry_run else await self._passwords.hashed(password)
        # Not before: what was interrupted is hashed when the lines are tried again.
        row.password = None
        return None

    async def _known(self, session: AsyncSession, rows: Sequence[Row]) -> Known:
        users = await self._there(session, [row.email for row in rows])
        names = {name for row in rows for name in row.roles or ()}
        if self._terms.existing != "update":
            return Known(users, {}, await granted(session, names), set())
        there = [each for found in users.values() for each in found]
        held = await held_by(session, [each.id for each in there])
        roles = await granted(session, names.union(*held.values()))
        return Known(users, held, roles, await mighty(session, there, held, roles))

    async def _there(self, session: AsyncSession, emails: Sequence[str]) -> dict[str, list[User]]:
        """The users with these addresses; of an adopted table there may be several with one."""
        user = self._records.user
        email = func.lower(col(user.email)) if self._records.adopted else col(user.email)
        query = select(user).where(email.in_(emails)).execution_options(populate_existing=True)
        found: dict[str, list[User]] = {}
        for each in (await session.exec(query)).all():
            found.setdefault(each.email.lower(), []).append(each)
        return found


def _check_roles(row: Row, roles: dict[str, Granted], *, superusers: bool) -> None:
    if any(name not in roles for name in row.roles or ()):
        raise Refused("unknown_role")
    mighty = bool(row.is_superuser) or any(roles[name].everything for name in row.roles or ())
    if mighty and not superusers:
        raise Refused("superuser_not_allowed")


def _check_entrance(row: Row, user: User) -> None:
    """Whose password a file brings may sign in as them: that makes a superuser as well."""
    if _new_hash(row, user) or (row.is_active and not user.is_active):
        raise Refused("superuser_not_allowed")


def _new_hash(row: Row, user: User) -> bool:
    return row.hashed_password is not None and row.hashed_password != user.hashed_password


def _refusal(error: Exception) -> Refused:
    """As a code of ours: what others say may hold anything. What does not answer says nothing of
    the line, and is raised as it is."""
    if isinstance(error, Unavailable):
        raise error
    if not isinstance(error, HTTPException):
        return Refused("user_refused")
    code = getattr(error, "code", "")
    return Refused(code if code in REASONS else "refused_by_app")
