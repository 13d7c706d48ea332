"""The principal: whom a good credential stands for, as the database has it now."""

import hmac
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, Literal

from sqlalchemy import ColumnElement, String, bindparam, func, select
from sqlmodel import col
from typing_extensions import TypeVar

from backoffice.auth import audit
from backoffice.auth.credentials import digest
from backoffice.auth.holdings import MOMENT, Held, with_holdings
from backoffice.auth.models import ApiKey, User, UserSession
from backoffice.auth.permissions import grants, intersection
from backoffice.auth.sessions import BROWSER
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Database

Method = Literal["jwt", "api_key", "session"]
Kind = Literal["user", "service"]

#: The key of a user: of an adopted table it may be an integer, and then it is `Principal[int]`.
K = TypeVar("K", default=uuid.UUID)
#: Characters of a digest that the database compares.
_TOLD = 8


@dataclass(frozen=True)
class Principal(Generic[K]):
    """Who is calling. `permissions` are those in force now: the owner's, within the scopes."""

    id: K
    kind: Kind
    method: Method
    permissions: frozenset[str]
    email: str
    #: When the caller last proved who they are; for a key, when it was made.
    auth_time: datetime
    #: What the credential may be used for at most; None stands for all that its owner may.
    scopes: frozenset[str] | None = None
    session_id: uuid.UUID | None = None
    key_id: uuid.UUID | None = None
    #: Whether a second factor was proved.
    mfa: bool = False
    #: Whether the address of the account is known to be its owner's.
    verified: bool = False
    #: Whether the credential may make, change and end credentials.
    manages_credentials: bool = True
    #: Who acts in the place of this user; None where nobody does.
    acted_by: K | None = None
    #: The names of the owner's roles, with all that those include.
    roles: frozenset[str] = frozenset()
    #: When the first of the owner's grants runs out; None where none does.
    changes_at: datetime | None = None

    def can(self, *permissions: str) -> bool:
        """Whether the principal has every one of these permissions."""
        held = self.permissions
        return held.issuperset(permissions) or all(grants(held, each) for each in permissions)

    def same_until(self, until: datetime | None) -> datetime | None:
        """Until then, or until a grant of the owner's runs out, if that is before."""
        moments = [each for each in (until, self.changes_at) if each is not None]
        return min(moments, default=None)

    @property
    def name(self) -> str:
        """How the audit log names the principal: both, where somebody acts in their place."""
        own = audit.user(self.id)
        return own if self.acted_by is None else f"{audit.user(self.acted_by)}{audit.AS}{own}"


class Principals:
    """Reads principals; an owner who is not active, or is locked, is none."""

    def __init__(self, database: Database, clock: Clock, records: UserRecords) -> None:
        self._database = database
        self._clock = clock
        self._records = records

    # Any: as the rows of `with_holdings`. Made when first asked: each takes some milliseconds.
    @cached_property
    def _of_session(self) -> Any:
        return _query(self._records, UserSession, col(UserSession.id) == bindparam("id"))

    @cached_property
    def _of_sessions(self) -> Any:
        return _query(self._records, UserSession, col(UserSession.id).in_(_ids()))

    @cached_property
    def _of_key(self) -> Any:
        # 32 bits of a digest tell nothing of a secret of 190, and let the database answer a wrong
        # secret as it does an unknown key: by no row, which takes as long.
        told: Any = bindparam("told", type_=String())
        same = func.substr(col(ApiKey.digest), 1, func.length(told)) == told
        return _query(self._records, ApiKey, (col(ApiKey.prefix) == bindparam("prefix")) & same)

    @cached_property
    def _of_keys(self) -> Any:
        return _query(self._records, ApiKey, col(ApiKey.id).in_(_ids()))

    async def of_session(
        self, id: uuid.UUID, method: Method
    ) -> tuple[Principal, UserSession] | None:
        """The owner of a session, and the session, whatever has become of it; None if none."""
        found = await self._rows(self._of_session, id=id)
        return (_with_session(found[0], method), found[0][1]) if found else None

    async def of_key(self, prefix: str, text: str) -> tuple[Principal, ApiKey] | None:
        """The owner of an API key, and the key, whatever has become of it; None if none."""
        wanted = digest(text)
        found = await self._rows(self._of_key, prefix=prefix, told=wanted[:_TOLD])
        if not found or not hmac.compare_digest(wanted, found[0][1].digest):
            return None
        return _with_key(found[0]), found[0][1]

    async def standing(
        self, sessions: Collection[uuid.UUID], keys: Collection[uuid.UUID]
    ) -> dict[uuid.UUID, tuple[Principal, UserSession | ApiKey]]:
        """The owners of these sessions and keys by the id of each, as the database has them now."""
        found: dict[uuid.UUID, tuple[Principal, UserSession | ApiKey]] = {}
        if sessions:
            for row in await self._rows(self._of_sessions, ids=list(sessions)):
                session = row[1]
                method: Method = "session" if session.kind == BROWSER else "jwt"
                found[session.id] = _with_session(row, method), session
        if keys:
            for row in await self._rows(self._of_keys, ids=list(keys)):
                found[row[1].id] = _with_key(row), row[1]
        return found

    # Any: as the rows of `with_holdings`.
    async def _rows(self, query: Any, **values: Any) -> list[Any]:
        """One of each credential, with its owner and all that the owner holds."""
        values["moment"] = self._clock.now()
        async with self._database.session() as opened:
            return list((await opened.exec(query, params=values)).all())


def _ids() -> Any:
    return bindparam("ids", expanding=True)


def _query(
    records: UserRecords,
    kind: type[UserSession] | type[ApiKey],
    which: ColumnElement[bool],
) -> Any:
    user = records.user
    owners = select(col(kind.user_id)).where(which).distinct().cte("owners")
    query = (
        select(user, kind)
        .join(kind, col(kind.user_id) == col(user.id))
        .where(which, col(user.is_active), records.unlocked(MOMENT))
    )
    if kind is UserSession:
        query = query.where(col(user.is_service).is_(False))
    return with_holdings(query, user, owners)


def _with_session(row: Any, method: Method) -> Principal:
    user, session, *holdings = row
    held = Held(user, *holdings)
    return Principal(
        id=user.id,
        kind=_kind(user),
        method=method,
        permissions=held.permissions,
        email=user.email,
        auth_time=session.proved_at or session.created_at,
        session_id=session.id,
        mfa=session.mfa,
        verified=user.is_verified,
        roles=held.roles,
        changes_at=held.changes_at,
    )


def _with_key(row: Any) -> Principal:
    user, key, *holdings = row
    held = Held(user, *holdings)
    scopes = None if key.scopes is None else frozenset(key.scopes)
    return Principal(
        id=user.id,
        kind=_kind(user),
        method="api_key",
        permissions=held.permissions if scopes is None else intersection(held.permissions, scopes),
        email=user.email,
        auth_time=key.created_at,
        scopes=scopes,
        key_id=key.id,
        verified=user.is_verified,
        manages_credentials=key.manages_credentials,
        roles=held.roles,
        changes_at=held.changes_at,
    )


def _kind(user: User) -> Kind:
    return "service" if user.is_service else "user"
