"""API keys: made, listed and revoked; shown once, kept as a digest."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from backoffice.auth import audit
from backoffice.auth.credentials import new_api_key
from backoffice.auth.events import ApiKeyCreated, ApiKeyRevoked
from backoffice.auth.models import ApiKey, User
from backoffice.auth.permissions import grants, parsed
from backoffice.auth.revocations import Revocations
from backoffice.auth.roles import permissions_of
from backoffice.core import Clock, Database, Events, InvalidInput, NotFound

_NAME_LENGTH = 100


class ApiKeys:
    """The API keys of the app."""

    def __init__(
        self, database: Database, events: Events, clock: Clock, revocations: Revocations
    ) -> None:
        self._database = database
        self._events = events
        self._clock = clock
        self._revocations = revocations

    async def create(
        self,
        owner: User,
        name: str,
        *,
        scopes: Iterable[str] | None = None,
        expires_at: datetime | None = None,
        actor: str,
    ) -> tuple[ApiKey, str]:
        """A new key and, this once, its text. `scopes` None stands for all the owner may do.

        InvalidInput for a scope that the owner does not have (ASVS 2.2.3).
        """
        moment, expires_at = self._clock.now(), _utc(expires_at)
        _check(name, moment, expires_at)
        made = new_api_key()
        row = ApiKey(
            user_id=owner.id,
            name=name.strip(),
            prefix=made.prefix,
            digest=made.digest,
            scopes=None if scopes is None else sorted({parsed(each) for each in scopes}),
            created_at=moment,
            expires_at=expires_at,
        )
        async with self._database.session() as session:
            _check_scopes(row.scopes, await permissions_of(session, owner))
            session.add(row)
            try:
                await session.flush()
            except IntegrityError:
                raise NotFound(f"there is no user {owner.id} any more") from None
            event = ApiKeyCreated(actor=actor, subject=audit.user(owner.id), key=str(row.id))
            await self._events.emit(event, session)
            await session.commit()
        return row, made.text

    async def of_user(self, id: uuid.UUID) -> list[ApiKey]:
        """A user's keys that are not revoked, newest first."""
        async with self._database.session() as session:
            query = (
                select(ApiKey)
                .where(ApiKey.user_id == id, col(ApiKey.revoked_at).is_(None))
                .order_by(col(ApiKey.created_at).desc())
            )
            return list((await session.exec(query)).all())

    async def revoke(self, id: uuid.UUID, *, owner: uuid.UUID | None = None, actor: str) -> None:
        """End a key, at once; NotFound for another's key when `owner` is given."""
        async with self._database.session() as session:
            row = await session.get(ApiKey, id)
            if row is None or (owner is not None and row.user_id != owner):
                raise NotFound(f"there is no API key {id}")
            if row.revoked_at is not None:
                return
            row.revoked_at = self._clock.now()
            session.add(row)
            event = ApiKeyRevoked(actor=actor, subject=audit.user(row.user_id), key=str(id))
            await self._events.emit(event, session)
            await self._revocations.commit(session, row.user_id)

    def alive(self, key: ApiKey) -> bool:
        """Whether the key was neither revoked nor has run out."""
        running = key.expires_at is None or key.expires_at > self._clock.now()
        return key.revoked_at is None and running


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput("that is beyond the end of time; leave the expiry out") from None


def _check(name: str, moment: datetime, expires_at: datetime | None) -> None:
    if not name.strip() or len(name) > _NAME_LENGTH or not name.isprintable():
        raise InvalidInput(f"a key's name is 1 to {_NAME_LENGTH} printable characters")
    if expires_at is not None and expires_at <= moment:
        raise InvalidInput("a key cannot have expired before it is made; give a later time")


def _check_scopes(scopes: list[str] | None, held: frozenset[str]) -> None:
    wider = [each for each in scopes or () if not grants(held, each)]
    if wider:
        raise InvalidInput(
            f"the key's owner may not {', '.join(wider)}; a key cannot do more than its owner",
            code="scope_not_held",
        )
