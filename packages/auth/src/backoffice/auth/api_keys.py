"""API keys: made, listed, rotated and revoked; shown once, kept as a digest."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

from sqlalchemy import ColumnElement, delete, func, or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import audit
from backoffice.auth.credentials import new_api_key
from backoffice.auth.events import ApiKeyCreated, ApiKeyRevoked, ApiKeyRotated, ApiKeysPruned
from backoffice.auth.holdings import held_by
from backoffice.auth.key_makers import Maker
from backoffice.auth.key_terms import networks as network_list
from backoffice.auth.key_terms import rate_limit as limit_text
from backoffice.auth.models import ApiKey, User
from backoffice.auth.permissions import grants, parsed
from backoffice.auth.principals import Principal
from backoffice.auth.revocations import Revocations
from backoffice.auth.row_locks import hold_users
from backoffice.auth.settings import AuthSettings
from backoffice.auth.user_records import UserRecords
from backoffice.core import Clock, Conflict, Database, Events, InvalidInput, NotFound

_NAME_LENGTH = 100
_AT_ONCE = timedelta(0)


class NewKey(TypedDict, total=False):
    """The terms of a key that is to be made; what is left out is as in `ApiKeys.create`."""

    scopes: Iterable[str] | None
    expires_at: datetime | None
    networks: Iterable[str] | None
    rate_limit: str | None
    manages_credentials: bool


class ApiKeys:
    """The API keys of the app."""

    def __init__(
        self,
        database: Database,
        events: Events,
        clock: Clock,
        revocations: Revocations,
        settings: AuthSettings,
        records: UserRecords,
    ) -> None:
        self._records = records
        self._database = database
        self._events = events
        self._clock = clock
        self._revocations = revocations
        self._settings = settings

    async def create(
        self,
        owner: User,
        name: str,
        *,
        scopes: Iterable[str] | None = None,
        expires_at: datetime | None = None,
        networks: Iterable[str] | None = None,
        rate_limit: str | None = None,
        manages_credentials: bool = False,
        actor: str,
        by: Principal | None = None,
    ) -> tuple[ApiKey, str]:
        """A new key and, this once, its text.

        `scopes` None stands for all the owner may do, `networks` None for anywhere. Where `by` is
        a key itself, the new one has that key's terms besides. InvalidInput for a scope that the
        owner does not have (ASVS 2.2.3), Forbidden for a key that is to do more than the one that
        makes it, Conflict for an owner who has as many keys as one may.
        """
        moment = self._clock.now()
        row, text = _new(
            owner,
            name,
            moment,
            scopes=scopes,
            expires_at=expires_at,
            networks=networks,
            rate_limit=rate_limit,
            manages_credentials=manages_credentials,
        )
        async with self._database.session() as session:
            await self._check_held(session, row)
            if (maker := await Maker.of(session, by)) is not None:
                maker.bind(row)
            await self._hold(session, owner.id)
            await self._add(session, row, actor)
        return row, text

    async def ensure(
        self, owner: User, name: str, *, actor: str, **terms: Unpack[NewKey]
    ) -> tuple[ApiKey, str | None]:
        """The newest key of that name that goes on and has no successor, whatever its terms; or a
        new one of these terms, with its text. Of any number at once, one makes it."""
        row, text = _new(owner, name, self._clock.now(), **terms)
        async with self._database.session() as session:
            await self._hold(session, owner.id)
            current = (
                select(ApiKey)
                .where(ApiKey.user_id == owner.id, ApiKey.name == row.name)
                .where(col(ApiKey.successor_id).is_(None), *_alive_at(row.created_at))
                .order_by(col(ApiKey.created_at).desc())
            )
            found = (await session.exec(current.limit(1))).first()
            if found is not None:
                return found, None
            await self._check_held(session, row)
            await self._add(session, row, actor)
        return row, text

    async def rotate(
        self,
        id: uuid.UUID,
        *,
        overlap: timedelta,
        owner: uuid.UUID | None = None,
        actor: str,
        by: Principal | None = None,
    ) -> tuple[ApiKey, ApiKey, str]:
        """The key as it goes on for `overlap`, its successor and, this once, that one's text.

        The successor has the same owner and terms, and lives as long as the key was to. Conflict
        if the key has ended or has a successor: of any number at once, one makes it; or if both
        would be more than an owner may have. NotFound for another's key when `owner` is given.
        """
        if not _AT_ONCE <= overlap <= self._settings.key_overlap:
            raise InvalidInput(
                f"a key goes on for 0 to {self._settings.key_overlap} beside its successor",
                code="invalid_overlap",
            )
        made, moment = new_api_key(), self._clock.now()
        async with self._database.session() as session:
            old = await _existing(session, id, owner)
            if (maker := await Maker.of(session, by)) is not None:
                maker.check(old)
            row = ApiKey(
                **old.model_dump(include=_KEPT),
                prefix=made.prefix,
                digest=made.digest,
                created_at=moment,
                expires_at=_renewed(old, moment, maker),
            )
            await self._hold(session, old.user_id)
            await self._succeed(session, old, row.id, moment, overlap)
            session.add(row)
            await _flush(session, row.user_id)
            if overlap:
                await self._check_number(session, row)
            event = ApiKeyRotated(
                actor=actor,
                subject=audit.user(old.user_id),
                key=str(old.id),
                successor=str(row.id),
            )
            await self._events.emit(event, session)
            await self._revocations.commit(session, old.user_id)
        return old, row, made.text

    async def of_user(self, id: uuid.UUID) -> list[ApiKey]:
        """A user's keys that are not revoked, newest first."""
        async with self._database.session() as session:
            query = (
                select(ApiKey)
                .where(ApiKey.user_id == id, col(ApiKey.revoked_at).is_(None))
                .order_by(col(ApiKey.created_at).desc())
            )
            return list((await session.exec(query)).all())

    async def endless(self, older_than: timedelta) -> tuple[int, ApiKey | None]:
        """How many keys in use have no end and were made longer ago than that; the oldest one."""
        endless = (
            col(ApiKey.revoked_at).is_(None),
            col(ApiKey.expires_at).is_(None),
            col(ApiKey.created_at) < self._clock.now() - older_than,
        )
        count = select(func.count()).select_from(ApiKey).where(*endless)
        oldest = select(ApiKey).where(*endless).order_by(col(ApiKey.created_at)).limit(1)
        async with self._database.session() as session:
            return (await session.exec(count)).one(), (await session.exec(oldest)).first()

    async def revoke(self, id: uuid.UUID, *, owner: uuid.UUID | None = None, actor: str) -> None:
        """End a key, at once; NotFound for another's key when `owner` is given."""
        async with self._database.session() as session:
            row = await _existing(session, id, owner, hold=True)
            if row.revoked_at is not None:
                # Just now, perhaps, by somebody who still waits for it to hold.
                await session.rollback()
                await self._revocations.settled()
                return
            row.revoked_at = self._clock.now()
            session.add(row)
            event = ApiKeyRevoked(actor=actor, subject=audit.user(row.user_id), key=str(id))
            await self._events.emit(event, session)
            await self._revocations.commit(session, row.user_id)

    async def end_all(
        self, session: AsyncSession, owner: uuid.UUID, *, actor: str, address: str
    ) -> None:
        """End every key of an owner, in the transaction given, which Revocations commits."""
        keys = select(ApiKey).where(ApiKey.user_id == owner, col(ApiKey.revoked_at).is_(None))
        # Held in the order in which last uses are written: none waits for ever.
        for row in await session.exec(keys.order_by(col(ApiKey.id)).with_for_update()):
            row.revoked_at = self._clock.now()
            session.add(row)
            event = ApiKeyRevoked(
                actor=actor, subject=audit.user(owner), address=address, key=str(row.id)
            )
            await self._events.emit(event, session)

    async def prune(self, older_than: timedelta, *, actor: str) -> int:
        """Delete the keys that ended longer ago than that; how many there were."""
        before = self._clock.now() - older_than
        ended = or_(col(ApiKey.revoked_at) <= before, col(ApiKey.expires_at) <= before)
        async with self._database.session() as session:
            count = (await session.exec(delete(ApiKey).where(ended))).rowcount
            if count:
                await self._events.emit(ApiKeysPruned(actor=actor, count=count), session)
            await session.commit()
        return int(count)

    def alive(self, key: ApiKey) -> bool:
        """Whether the key was neither revoked nor has run out."""
        running = key.expires_at is None or key.expires_at > self._clock.now()
        return key.revoked_at is None and running

    async def _add(self, session: AsyncSession, row: ApiKey, actor: str) -> None:
        """Write a new key, whose owner is held, and commit."""
        session.add(row)
        await _flush(session, row.user_id)
        await self._check_number(session, row)
        event = ApiKeyCreated(actor=actor, subject=audit.user(row.user_id), key=str(row.id))
        await self._events.emit(event, session)
        await session.commit()

    async def _check_held(self, session: AsyncSession, row: ApiKey) -> None:
        held = await held_by(session, self._records.user, row.user_id, row.created_at)
        _check_scopes(row.scopes, held)

    async def _hold(self, session: AsyncSession, owner: uuid.UUID) -> None:
        if not await hold_users(session, self._records, col(self._records.user.id) == owner):
            raise _gone(owner)

    async def _check_number(self, session: AsyncSession, row: ApiKey) -> None:
        """After the write of this one, whose owner is held: two cannot both be the last."""
        count = (
            select(func.count())
            .select_from(ApiKey)
            .where(ApiKey.user_id == row.user_id, *_alive_at(row.created_at))
        )
        if (await session.exec(count)).one() > self._settings.keys_per_owner:
            raise Conflict(
                f"this account has {self._settings.keys_per_owner} API keys already, with those "
                "that go on beside a successor; revoke one, or rotate without an overlap",
                code="too_many_keys",
            )

    async def _succeed(
        self,
        session: AsyncSession,
        old: ApiKey,
        successor: uuid.UUID,
        moment: datetime,
        overlap: timedelta,
    ) -> None:
        """Name the successor; of any number of tries at once, one does."""
        until = moment + overlap
        ends = {"expires_at": until} if overlap else {"revoked_at": moment}
        if overlap and old.expires_at is not None:
            ends = {"expires_at": min(old.expires_at, until)}
        done = await session.exec(
            update(ApiKey)
            .where(col(ApiKey.id) == old.id, col(ApiKey.successor_id).is_(None))
            .where(*_alive_at(moment))
            .values(successor_id=successor, **ends)
            .execution_options(synchronize_session=False)
        )
        if done.rowcount != 1:
            raise Conflict(
                "this key has ended or has a successor; rotate that one, or make a new key",
                code="key_not_current",
            )
        await session.refresh(old)


#: What a successor has of the key before it.
_KEPT = {"user_id", "name", "scopes", "networks", "rate_limit", "manages_credentials"}


def _new(owner: User, name: str, moment: datetime, **terms: Unpack[NewKey]) -> tuple[ApiKey, str]:
    """A key that nothing holds yet, and its text."""
    expires_at, scopes = _utc(terms.get("expires_at")), terms.get("scopes")
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
        networks=network_list(terms.get("networks")),
        rate_limit=limit_text(terms.get("rate_limit")),
        manages_credentials=terms.get("manages_credentials", False),
    )
    return row, made.text


def _renewed(old: ApiKey, moment: datetime, maker: Maker | None) -> datetime | None:
    """As long a life as the old key was given; by a key, none beyond that key's own."""
    expires_at = old.expires_at
    if expires_at is not None:
        # Capped: the end of a key may be the end of time.
        expires_at = moment + min(
            expires_at - old.created_at, datetime.max.replace(tzinfo=UTC) - moment
        )
    return expires_at if maker is None else maker.earlier(expires_at)


def _alive_at(moment: datetime) -> tuple[ColumnElement[bool], ...]:
    endless = col(ApiKey.expires_at).is_(None)
    return col(ApiKey.revoked_at).is_(None), or_(endless, col(ApiKey.expires_at) > moment)


async def _flush(session: AsyncSession, owner: uuid.UUID) -> None:
    try:
        await session.flush()
    except IntegrityError:
        raise _gone(owner) from None


def _gone(owner: uuid.UUID) -> NotFound:
    return NotFound(f"there is no user {owner} any more")


async def _existing(
    session: AsyncSession, id: uuid.UUID, owner: uuid.UUID | None, *, hold: bool = False
) -> ApiKey:
    row = await session.get(ApiKey, id, with_for_update=hold or None)
    if row is None or (owner is not None and row.user_id != owner):
        raise NotFound(f"there is no API key {id}")
    return row


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
