"""Users: created, found and changed, each with what follows from it."""

import uuid
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from fastapi_users import exceptions
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import audit
from backoffice.auth.addresses import normal_email
from backoffice.auth.administrators import Administrators
from backoffice.auth.events import (
    AuthEvent,
    PasswordChanged,
    Registered,
    RegisteredAgain,
    SignInFailed,
    UserChanged,
    UserCreated,
    UserDeleted,
)
from backoffice.auth.guesses import Guesses
from backoffice.auth.letters import Letters
from backoffice.auth.link_requests import Asked, LinkRequests
from backoffice.auth.links import Links
from backoffice.auth.models import User
from backoffice.auth.passwords import Passwords
from backoffice.auth.revocations import Revocations
from backoffice.auth.roles import Roles
from backoffice.auth.row_locks import held_user, hold_users
from backoffice.auth.sessions import Client, Sessions
from backoffice.auth.superusers import active_superusers, hold_peers, superuser_left
from backoffice.auth.user_manager import (
    NO_PASSWORD,
    NewUser,
    UserManager,
    UserTable,
    check_person,
)
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Conflict, Database, Events, InvalidInput, NotFound

#: The fields of a user that somebody with `users:change` may set.
CHANGEABLE = frozenset({"email", "is_active", "is_superuser", "is_verified"})


class Users:
    """The accounts of the app."""

    def __init__(
        self,
        database: Database,
        events: Events,
        clock: Clock,
        passwords: Passwords,
        sessions: Sessions,
        roles: Roles,
        administrators: Administrators,
        revocations: Revocations,
        requests: LinkRequests,
        letters: Letters,
        links: Links,
        guesses: Guesses,
        manager: type[UserManager] = UserManager,
        records: UserRecords | None = None,
    ) -> None:
        #: Which table they are in.
        self.records = records or UserRecords()
        #: With whose hooks accounts are made and changed.
        self.manager_type = manager
        self._revocations = revocations
        self._requests = requests
        self._letters = letters
        self._links = links
        self._guesses = guesses
        self._database = database
        self._events = events
        self._clock = clock
        self._passwords = passwords
        self._sessions = sessions
        self._roles = roles
        self._administrators = administrators

    def manager(self, session: AsyncSession) -> UserManager:
        """fastapi-users' manager within this transaction."""
        return self.manager_type(session, self._passwords, self._clock, self.records)

    def table(self, session: AsyncSession) -> UserTable:
        """fastapi-users' view of the table within this transaction."""
        return UserTable(session, self.records)

    async def register(self, email: str, password: str, client: Client) -> None:
        """Create an account for a stranger; says nothing if the address is taken."""
        async with self._database.session() as session:
            try:
                user = await self.manager(session).create(
                    NewUser(email=email, password=password), safe=True
                )
            except exceptions.UserAlreadyExists:
                known = await self.table(session).get_by_email(email)
                subject = audit.user(known.id) if known is not None else ""
                event: AuthEvent = RegisteredAgain(subject=subject, address=client.address)
                asked: Asked = "registered"
            else:
                event = Registered(subject=audit.user(user.id), address=client.address)
                asked = "verify"
            # Both ways the same is written, and what differs is found out beside the request.
            await self._events.emit(event, session)
            await self._requests.add(session, asked, email, address=client.address)
            await session.commit()

    async def create(
        self,
        email: str,
        password: str,
        *,
        superuser: bool = False,
        active: bool = True,
        verified: bool = False,
        roles: Iterable[str] = (),
        actor: str,
    ) -> User:
        """Create an account that holds these roles; Conflict if the address is taken."""
        address = normal_email(email)
        async with self._database.session() as session:
            try:
                user = await self.manager(session).create(
                    NewUser(
                        email=address,
                        password=password,
                        is_superuser=superuser,
                        is_active=active,
                        is_verified=verified,
                    )
                )
            except exceptions.UserAlreadyExists:
                raise _taken(address) from None
            await self._created(session, user, roles, actor)
        return user

    async def create_service(
        self,
        email: str,
        *,
        active: bool = True,
        verified: bool = False,
        roles: Iterable[str] = (),
        actor: str,
    ) -> User:
        """Create a program's account: it holds roles and API keys, and cannot sign in.

        The address only names it. Conflict if it is taken.
        """
        moment, address = self._clock.now(), normal_email(email)
        fields = {
            "email": address,
            "hashed_password": NO_PASSWORD,
            "is_service": True,
            "is_active": active,
            "is_verified": verified,
            "created_at": moment,
            "password_changed_at": moment,
        }
        async with self._database.session() as session:
            try:
                user = await self.table(session).create(fields)
            except exceptions.UserAlreadyExists:
                raise _taken(address) from None
            await self._created(session, user, roles, actor)
        return user

    async def _created(
        self, session: AsyncSession, user: User, roles: Iterable[str], actor: str
    ) -> None:
        for name in dict.fromkeys(roles):
            await self._roles.add_to(session, user.id, name, actor=actor)
        await self._events.emit(UserCreated(actor=actor, subject=audit.user(user.id)), session)
        await session.commit()

    async def get(self, id: uuid.UUID) -> User:
        """The user with that id; NotFound if there is none."""
        async with self._database.session() as session:
            return await self._existing(session, id)

    async def find(self, email: str) -> User:
        """The user with that address; NotFound if there is none."""
        address = normal_email(email)
        async with self._database.session() as session:
            user = await self.table(session).get_by_email(address)
        if user is None:
            raise NotFound(f"no user has the address {address}")
        return user

    async def all(self, *, limit: int = 1000, offset: int = 0) -> list[User]:
        """Users in the order of their addresses."""
        async with self._database.session() as session:
            query = (
                select(self.records.user)
                .order_by(col(self.records.user.email))
                .limit(limit)
                .offset(offset)
            )
            return list((await session.exec(query)).all())

    async def superusers(self) -> int:
        """How many active superusers there are."""
        async with self._database.session() as session:
            return await active_superusers(session, self.records)

    async def set_password(self, id: uuid.UUID, password: str, *, actor: str) -> None:
        """Set somebody's password; all their sessions end."""
        async with self._database.session() as session:
            user = await self._existing(session, id)
            await session.commit()
            hashed = await self.new_hash(session, user, password)
            await self.store_password(session, user, hashed, actor=actor)

    async def change_password(
        self,
        id: uuid.UUID,
        current: str,
        new: str,
        *,
        keep: uuid.UUID | None,
        client: Client,
    ) -> None:
        """Change one's own password, knowing the current one; other sessions end."""
        async with self._database.session() as session:
            user = await self._existing(session, id)
            await session.commit()
            # Hashed before the proof, which holds the user's row: nobody waits for the hashing.
            hashed = await self.new_hash(session, user, new)
            await self.prove(session, id, current, client)
            await self.store_password(
                session, user, hashed, actor=audit.user(id), address=client.address, keep=keep
            )

    async def prove(
        self,
        session: AsyncSession,
        id: uuid.UUID,
        password: str,
        client: Client,
        *,
        leaving: bool = False,
    ) -> None:
        """Hold the account's row until the transaction ends, if that is its password.

        InvalidInput otherwise, and then that is in the audit log; TooManyRequests after too many.
        Who is `leaving` may be one of the last superusers, and holds the others as well.
        """
        user = await self.table(session).get(id)
        async with self._guesses.counted(user.email if user is not None else "", client):
            if await self.manager(session).right_password(user, password, leaving=leaving):
                return
            subject = audit.user(id)
            failed = SignInFailed(
                actor=subject, subject=subject, address=client.address, method="reauthentication"
            )
            await self._events.emit(failed, session)
            await session.commit()
            raise InvalidInput("The current password is not right.", code="invalid_credentials")

    async def new_hash(self, session: AsyncSession, user: User, password: str) -> str:
        """The hash of a new password; InvalidInput for one that is refused."""
        check_person(user)
        await self.manager(session).checked(password, user)
        return await self._passwords.hashed(password)

    async def store_password(
        self,
        session: AsyncSession,
        user: User,
        hashed: str,
        *,
        actor: str,
        address: str = "",
        keep: uuid.UUID | None = None,
    ) -> None:
        """Store a new hash and commit: other sessions end, and links that were sent are void."""
        await self.put_password(session, user, hashed, actor=actor, address=address, keep=keep)
        await self._revocations.commit(session, user.id)

    async def put_password(
        self,
        session: AsyncSession,
        user: User,
        hashed: str,
        *,
        actor: str,
        address: str = "",
        keep: uuid.UUID | None = None,
    ) -> None:
        """`store_password`, in the transaction given; the commit is to write a revocation."""
        fields = {"hashed_password": hashed, "password_changed_at": self._clock.now()}
        await self.table(session).update(user, fields)
        await self.manager(session).on_after_update(user, _told(fields))
        await self._sessions.end_all(session, user.id, keep)
        await self._links.void(session, user.id, ["reset", "address"])
        await self._letters.password_changed(session, user)
        event = PasswordChanged(actor=actor, subject=audit.user(user.id), address=address)
        await self._events.emit(event, session)

    async def change(
        self,
        id: uuid.UUID,
        fields: dict[str, Any],
        *,
        roles: Iterable[str] | None = None,
        seen: Mapping[str, Any] | None = None,
        actor: str,
    ) -> User:
        """Set some of CHANGEABLE and, unless None, the roles held: all at once, or nothing.

        Conflict for a taken address or the last superuser; and where the account is not as `seen`
        any more: fields, and `roles` to the set of their names, as whoever decides on the change
        knows them.
        """
        async with self._database.session() as session:
            user = await self._existing(session, id)
            user = await self.change_in(session, user, fields, roles=roles, seen=seen, actor=actor)
            await self._revocations.commit(session, id)
        return user

    async def change_in(
        self,
        session: AsyncSession,
        user: User,
        fields: dict[str, Any],
        *,
        roles: Iterable[str] | None = None,
        seen: Mapping[str, Any] | None = None,
        actor: str,
    ) -> User:
        """`change`, in the transaction given; the commit is to write a revocation."""
        changed = _changed(user, fields)
        if roles is None and changed.get("is_active") is not False:
            return await self._set(session, user, changed, None, seen, actor)
        async with self._administrators.left(session, user.id):
            return await self._set(session, user, changed, roles, seen, actor)

    async def _set(
        self,
        session: AsyncSession,
        user: User,
        changed: dict[str, Any],
        roles: Iterable[str] | None,
        seen: Mapping[str, Any] | None,
        actor: str,
    ) -> User:
        id = user.id
        takes = False in (changed.get("is_active"), changed.get("is_superuser"))
        left = superuser_left(session, self.records, user, self._clock.now())
        async with left if takes else nullcontext():
            if seen is not None:
                await self._check_seen(session, id, seen)
            try:
                user = await self.table(session).update(user, changed)
            except exceptions.UserAlreadyExists:
                raise _taken(str(changed.get("email"))) from None
        if changed.get("is_active") is False:
            await self._sessions.end_all(session, id)
        if changed.get("is_active") is False or "email" in changed:
            await self._links.void(session, id, ["reset", "verify", "address"])
        if changed:
            await self.manager(session).on_after_update(user, _told(changed))
            event = UserChanged(actor=actor, subject=audit.user(id), fields=tuple(sorted(changed)))
            await self._events.emit(event, session)
        if roles is not None:
            await self._roles.set_of(session, id, roles, actor=actor)
        return user

    async def lock(self, id: uuid.UUID, until: datetime, *, actor: str) -> None:
        """Let nobody use an account until then: its sessions and keys are refused meanwhile.

        InvalidInput for a time that has passed; Conflict where no superuser, or nobody to run the
        back office, would be left who is not locked.
        """
        moment = self._clock.now()
        if until <= moment:
            raise InvalidInput("a lock cannot end before it begins", code="expiry_passed")
        async with self._database.session() as session:
            user = await self._existing(session, id)
            async with (
                self._administrators.left(session, id),
                superuser_left(session, self.records, user, moment),
            ):
                user = await self.table(session).update(user, {"locked_until": until})
            event = UserChanged(actor=actor, subject=audit.user(id), fields=("locked_until",))
            await self._events.emit(event, session)
            await self._revocations.commit(session, id)

    async def unlock(self, id: uuid.UUID, *, actor: str) -> bool:
        """End the lock of an account before its time; False where there is none."""
        async with self._database.session() as session:
            user = await self._existing(session, id)
            if user.locked_until is None or user.locked_until <= self._clock.now():
                return False
            await self.table(session).update(user, {"locked_until": None})
            event = UserChanged(actor=actor, subject=audit.user(id), fields=("locked_until",))
            await self._events.emit(event, session)
            await self._revocations.commit(session, id)
        return True

    async def delete(self, id: uuid.UUID, *, actor: str) -> None:
        """Delete an account with its sessions and keys; Conflict for the last superuser."""
        async with self._database.session() as session:
            await self._delete(session, await self._existing(session, id), actor, "")

    async def leave(self, id: uuid.UUID, password: str, client: Client) -> None:
        """Delete one's own account, knowing the password; Conflict for the last superuser."""
        async with self._database.session() as session:
            await self.prove(session, id, password, client, leaving=True)
            # As of now: while the password was looked at, a superuser may have become of them.
            user = await held_user(session, self.records, id)
            if user is None:
                raise NotFound(f"there is no user {id}")
            await self._delete(session, user, audit.user(id), client.address)

    async def _check_seen(
        self, session: AsyncSession, id: uuid.UUID, seen: Mapping[str, Any]
    ) -> None:
        """Conflict where the account is another one by now; from here on it stays as it is."""
        await hold_peers(session, self.records, id)
        user = await held_user(session, self.records, id)
        known = dict(seen)
        roles = known.pop("roles", None)
        same = user is not None and all(getattr(user, name) == known[name] for name in known)
        if same and roles is not None:
            same = await self._roles.names_of(session, id) == set(roles)
        if not same:
            raise Conflict(
                "somebody else has changed this account just now; look at it again",
                code="user_changed_meanwhile",
            )

    async def _existing(self, session: AsyncSession, id: uuid.UUID) -> User:
        user = await self.table(session).get(id)
        if user is None:
            raise NotFound(f"there is no user {id}")
        return user

    async def _delete(self, session: AsyncSession, user: User, actor: str, address: str) -> None:
        id = user.id
        async with (
            self._administrators.left(session, id),
            superuser_left(session, self.records, user, self._clock.now()),
        ):
            # In the order in which others hold them: the account, and then what goes with it.
            mine = col(self.records.user.id) == id
            await hold_users(session, self.records, mine, for_deletion=True)
            await self._sessions.hold_all(session, id)
            await self.manager(session).delete(user)
        event = UserDeleted(actor=actor, subject=audit.user(id), address=address)
        await self._events.emit(event, session)
        await self._revocations.commit(session, id)


def _changed(user: User, fields: dict[str, Any]) -> dict[str, Any]:
    """Those of CHANGEABLE that are not so yet."""
    if unknown := fields.keys() - CHANGEABLE:
        raise InvalidInput(f"these fields cannot be set: {', '.join(sorted(unknown))}")
    if "email" in fields:
        fields = {**fields, "email": normal_email(fields["email"])}
    changed = {each: value for each, value in fields.items() if getattr(user, each) != value}
    if user.is_service and changed.get("is_superuser"):
        raise InvalidInput(
            "a service is no superuser; give it a role with what it needs",
            code="service_superuser",
        )
    if "email" in changed:
        changed.setdefault("is_verified", False)
    return changed


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    """What a hook is told of a change: no password, and no hash."""
    return {name: value for name, value in fields.items() if "password" not in name}


def _taken(address: str) -> Conflict:
    return Conflict(f"the address {address} is taken", code="email_taken")
