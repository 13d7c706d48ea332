"""fastapi-users' manager and its view of the table, in one transaction of ours."""

import asyncio
import uuid
from typing import Any

from fastapi.security import OAuth2PasswordRequestForm
from fastapi_users import BaseUserManager, UUIDIDMixin, exceptions
from fastapi_users.db import BaseUserDatabase
from fastapi_users.schemas import BaseUserCreate
from pydantic import Field
from sqlalchemy import update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request

from backoffice.auth.models import User
from backoffice.auth.password_policy import personal
from backoffice.auth.passwords import Passwords
from backoffice.auth.superusers import hold_peers
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Conflict, InvalidInput, NotFound

#: In place of a hash: no password verifies against it, at the cost of one that does.
NO_PASSWORD = "!"  # noqa: S105


class NewUser(BaseUserCreate):
    """What fastapi-users' manager creates a user from; the address is checked before."""

    email: str
    password: str = Field(repr=False)


class UserTable(BaseUserDatabase[User, uuid.UUID]):
    """fastapi-users' view of the table, within one transaction."""

    def __init__(self, session: AsyncSession, records: UserRecords | None = None) -> None:
        self.session = session
        self.records = records or UserRecords()

    async def get(self, id: uuid.UUID) -> User | None:
        """The user with that id."""
        try:
            return await self.session.get(self.records.user, id)
        except DataError:  # PostgreSQL has no such integer in a column of this size
            await self.session.rollback()
            return None

    async def get_by_email(self, email: str) -> User | None:
        """The user with that (normalised) address.

        None as well where several have it, by case alone: nobody knows whose it is.
        """
        query = select(self.records.user).where(self.records.has_email(email))
        found = (await self.session.exec(query)).all()
        return found[0] if len(found) == 1 else None

    async def taken(self, email: str, but: uuid.UUID | None = None) -> bool:
        """Whether another user than that one has the (normalised) address."""
        user = self.records.user
        found = select(user.id).where(self.records.has_email(email))
        return any(each != but for each in (await self.session.exec(found)).all())

    async def create(self, create_dict: dict[str, Any]) -> User:
        """Add a user; of two at once with one address, the second is UserAlreadyExists."""
        try:
            return await self.records.add(self.session, create_dict)
        except IntegrityError:
            await self.session.rollback()
            if self.records.adopted and not await self.taken(create_dict["email"]):
                raise _refused(self.records) from None
            raise exceptions.UserAlreadyExists from None

    async def update(self, user: User, update_dict: dict[str, Any]) -> User:
        """Set fields of a user."""
        id = user.id
        # A rule of the app's table may take two spellings of one address for different.
        email = update_dict.get("email") if self.records.adopted else None
        if email is not None and await self.taken(email, but=id):
            raise exceptions.UserAlreadyExists
        try:
            await self.records.set(self.session, user, update_dict)
        except IntegrityError:
            await self.session.rollback()
            raise exceptions.UserAlreadyExists from None
        except StaleDataError:
            await self.session.rollback()
            raise NotFound(f"there is no user {id} any more") from None
        return user

    async def delete(self, user: User) -> None:
        """Delete a user; sessions, keys and roles go by the tables' cascade."""
        try:
            await self.records.delete(self.session, user)
        except IntegrityError:
            await self.session.rollback()
            raise Conflict(
                "Other records of the app refer to this account; deactivate it, or delete them "
                "first.",
                code="user_referred_to",
            ) from None


class UserManager(UUIDIDMixin, BaseUserManager[User, uuid.UUID]):
    """fastapi-users' manager, with the hashing taken off the event loop.

    Those who come from fastapi-users bring their hooks in a subclass: `Auth(manager=...)`. Each is
    called within the transaction of what it is about, without a request, and refuses it by what it
    raises: `validate_password`, `on_after_register`, `on_after_login`, `on_after_update`,
    `on_before_delete`, `on_after_delete`.
    """

    user_db: UserTable
    password_helper: Passwords

    def __init__(
        self,
        session: AsyncSession,
        passwords: Passwords,
        clock: Clock,
        records: UserRecords | None = None,
    ) -> None:
        super().__init__(UserTable(session, records), passwords)
        self._clock = clock

    async def validate_password(self, password: str, user: Any) -> None:
        """Refuse a weak password with the reason."""
        await self.password_helper.check(password, personal(user))

    async def checked(self, password: str, user: Any) -> None:
        """`validate_password`, whose refusal is InvalidInput, however a subclass raises it."""
        try:
            await self.validate_password(password, user)
        except exceptions.InvalidPasswordException as error:
            raise InvalidInput(str(error.reason), code="invalid_password") from None

    async def create(
        self, user_create: BaseUserCreate, safe: bool = False, request: Request | None = None
    ) -> User:
        """Create a user. The password is hashed even if the address is taken: same cost."""
        await self.checked(user_create.password, user_create)
        fields = _fields(user_create, safe)
        fields["hashed_password"] = await self.password_helper.hashed(fields.pop("password"))
        if await self.user_db.taken(user_create.email):
            raise exceptions.UserAlreadyExists
        fields["created_at"] = fields["password_changed_at"] = self._clock.now()
        user = await self.user_db.create(fields)
        await self.on_after_register(user, request)
        return user

    async def authenticate(self, credentials: OAuth2PasswordRequestForm) -> User | None:
        """The active user with that address and password; None at the same cost otherwise."""
        user = await self.user_db.get_by_email(credentials.username)
        right = await self.right_password(user, credentials.password)
        return user if user is not None and right and user.is_active else None

    async def right_password(
        self, user: User | None, password: str, *, leaving: bool = False
    ) -> bool:
        """Whether it is the active user's password; upgrades an outdated hash.

        None costs the same. True holds the user's row until the transaction ends: neither a new
        password nor a deactivation can come between the proof and what is done upon it. Of a
        superuser who is `leaving` the others are held too.
        """
        session, records = self.user_db.session, self.user_db.records
        stored = user.hashed_password if user else None
        # Hands the connection back while hashing: many sign-ins must not drain the pool.
        await session.commit()
        right, better = await self.password_helper.verified(password, stored)
        if user is None or not right:
            return False
        if leaving:
            await hold_peers(session, records, user.id)
        good = (
            col(records.user.is_active),
            col(records.user.is_service).is_(False),
            records.unlocked(self._clock.now()),
        )
        holding = (
            update(records.user)
            .where(col(records.user.id) == user.id, col(records.user.hashed_password) == stored)
            .where(*good)
            .values(hashed_password=better or stored)
            .execution_options(synchronize_session=False)
        )
        await asyncio.sleep(0)  # in a storm of sign-ins others come in between
        held = await session.exec(holding)
        return bool(held.rowcount == 1) and await records.still(session, user.id, *good)

    async def _update(self, user: User, update_dict: dict[str, Any]) -> User:
        if (password := update_dict.pop("password", None)) is not None:
            check_person(user)
            await self.checked(password, user)
            update_dict["hashed_password"] = await self.password_helper.hashed(password)
            update_dict["password_changed_at"] = self._clock.now()
        return await super()._update(user, update_dict)


def _fields(user_create: BaseUserCreate, safe: bool) -> dict[str, Any]:
    # fastapi-users leaves both methods of its schemas without types.
    schema: Any = user_create
    chosen = schema.create_update_dict if safe else schema.create_update_dict_superuser
    fields: dict[str, Any] = chosen()
    return fields


def check_person(user: User) -> None:
    """Conflict for a service: it has no password."""
    if user.is_service:
        raise Conflict(
            "A service has no password; make it an API key.", code="service_cannot_sign_in"
        )


def _refused(records: UserRecords) -> Conflict:
    return Conflict(
        f"the table {records.name} takes no such user: a column that must be filled is not, or a "
        "rule of the table is broken; give it in UserModel(create=...)",
        code="user_refused",
    )
