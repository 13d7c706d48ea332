"""The chain of the audit log: tampering shows.

Each entry has a number, without a gap, and a digest of itself and of the digest before it, made
with a key that is derived from the app's secret. Who can write to the database, but has not the
secret, cannot change, take out, insert or reorder an entry so that the chain fits again. The row
at its end is sealed too, so that the last entries cannot be cut off.

What it cannot show: that somebody put an older state of the log back, with the end that it had
then. Keep a number and its digest elsewhere now and then, and let `backoffice audit verify
--expect` compare them.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, func, insert, text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.credentials import derived_key
from backoffice.auth.models import AuditEntry, AuditHead

#: Entries that are read at a time.
TOGETHER = 1000
#: Faults that are told; what comes after is of the same kind.
MOST_FAULTS = 20
_FIRST = text(
    "INSERT INTO backoffice_audit_head (id, number, digest, seal) VALUES (1, 0, '', '') "
    "ON CONFLICT DO NOTHING"
)
_PRUNED = "auth.audit_pruned"
_OTHERS = "after others"
_END = col(AuditHead.id) == 1
_UNCHAINED = select(func.count()).where(col(AuditEntry.number).is_(None))


@dataclass
class Verified:
    """What a look at the whole chain found; it is whole where there are no faults."""

    entries: int = 0
    first: int = 0
    last: int = 0
    #: Of the last entry.
    digest: str = ""
    #: Entries from before there was a chain, which nothing protects.
    unchained: int = 0
    #: Whether there were any when it began.
    follows_others: bool = False
    faults: list[str] = field(default_factory=list)

    def fault(self, what: str) -> None:
        """Note what is wrong."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(what)


@dataclass(slots=True)
class NewEntry:
    """What is to be an entry. No object of the table's: that takes four times as long to make, and
    is written twice, for it has its number only at the end."""

    at: datetime
    event: str
    outcome: str
    actor: str
    subject: str
    address: str
    request_id: str
    # Any: what JSON can hold.
    data: dict[str, Any]
    id: UUID = field(default_factory=uuid4)
    number: int = 0
    digest: str = ""

    def row(self) -> dict[str, Any]:
        """By the names of the columns."""
        return {name: getattr(self, name) for name in self.__slots__}


class Chain:
    """Makes and checks digests; the first secret makes them, each of them is taken."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._keys = [derived_key(each, "audit log") for each in secrets]

    def append(self, connection: Connection, entries: Sequence[NewEntry]) -> None:
        """Write the entries, with their numbers and their digests.

        It holds the chain's end until the transaction does, so it comes last: of two commits,
        none waits for the other's rows while the other waits for its number.
        """
        number, digest = _held_head(connection, len(entries))
        if not number:
            digest = _start(connection)
        for each in entries:
            number += 1
            each.number = number
            each.digest = digest = self._digest(self._keys[0], digest, each)
        connection.execute(insert(AuditEntry), [each.row() for each in entries])
        seal = _mac(self._keys[0], _sealed(number, digest))
        connection.execute(update(AuditHead).where(_END).values(digest=digest, seal=seal))

    async def verified(self, session: AsyncSession) -> Verified:
        """Go through the chain from its first entry to its end."""
        found = Verified()
        head = await session.get(AuditHead, 1) or AuditHead(id=1)
        before = await _pruned(session)
        while entries := await _next(session, found.last):
            for each in entries:
                self._check(found, before, each)
            session.expunge_all()
        self._check_head(found, head)
        found.unchained = await _unchained(session)
        if found.unchained and not found.follows_others:
            found.fault(f"{found.unchained} entries have no place in the chain")
        return found

    def _check(self, found: Verified, before: dict[int, str], entry: AuditEntry) -> None:
        number = entry.number or 0
        if not found.entries:
            found.first = number
            if number != 1 and number - 1 not in before:
                found.fault(f"the entries before {number} are missing")
            found.digest = before.get(number - 1, "")
            if number == 1 and not self._fits(found, number, entry):
                found.digest, found.follows_others = _OTHERS, True
        elif number != found.last + 1:
            found.fault(f"the entries {found.last + 1} to {number - 1} are missing")
        if not self._fits(found, number, entry):
            found.fault(f"entry {number} is not as it was written")
        found.entries += 1
        found.last, found.digest = number, entry.digest

    def _fits(self, found: Verified, number: int, entry: AuditEntry) -> bool:
        follows = not found.entries or number == found.last + 1
        # After a gap the digest before is not known: the gap is the fault, told once.
        return not follows or any(
            hmac.compare_digest(entry.digest, self._digest(key, found.digest, entry))
            for key in self._keys
        )

    def _check_head(self, found: Verified, head: AuditHead) -> None:
        if (head.number, head.digest) != (found.last, found.digest):
            found.fault(f"the chain ends at {found.last} and should at {head.number}")
        content = _sealed(head.number, head.digest)
        seals = (_mac(key, content) for key in self._keys)
        if head.number and not any(hmac.compare_digest(head.seal, each) for each in seals):
            found.fault("the end of the chain is not as it was written")

    def _digest(self, key: bytes, before: str, entry: AuditEntry | NewEntry) -> str:
        return _mac(key, f"{before}\n{_canonical(entry)}".encode())


def _start(connection: Connection) -> str:
    """What the first entry's digest goes on from: it says whether there are entries before it,
    so that nobody can put one there where there were none."""
    return _OTHERS if connection.execute(_UNCHAINED).scalar_one() else ""


def _held_head(connection: Connection, more: int) -> tuple[int, str]:
    """The number and digest at the chain's end before `more` entries; the row is held."""
    advance = (
        update(AuditHead)
        .values(number=AuditHead.number + more)
        .where(_END)
        .returning(col(AuditHead.number), col(AuditHead.digest))
    )
    row = connection.execute(advance).one_or_none()
    if row is None:  # the app's own create_all has made the table
        connection.execute(_FIRST)
        row = connection.execute(advance).one()
    return row[0] - more, row[1]


def _canonical(entry: AuditEntry | NewEntry) -> str:
    """The entry in one spelling, whatever the database makes of moments and of JSON."""
    return json.dumps(
        [
            *(entry.number, entry.id.hex, _moment(entry.at), entry.event, entry.outcome),
            *(entry.actor, entry.subject, entry.address, entry.request_id, entry.data),
        ],
        sort_keys=True,
        separators=(",", ":"),
    )


def _moment(at: datetime) -> str:
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


def _sealed(number: int, digest: str) -> bytes:
    return f"end\n{number}\n{digest}".encode()


def _mac(key: bytes, content: bytes) -> str:
    return hmac.digest(key, content, hashlib.sha256).hex()


async def _next(session: AsyncSession, after: int) -> Sequence[AuditEntry]:
    query = select(AuditEntry).where(col(AuditEntry.number) > after)
    ordered = query.order_by(col(AuditEntry.number)).limit(TOGETHER)
    return (await session.exec(ordered)).all()


async def _pruned(session: AsyncSession) -> dict[int, str]:
    """Through which numbers the chain was pruned, and the digest that it goes on from.

    Each is told by an entry of the chain itself, which is checked with the others.
    """
    query = select(AuditEntry).where(AuditEntry.event == _PRUNED, col(AuditEntry.number) > 0)
    # All of them: of two at once, the one that is told last may have gone less far.
    return dict(_through(each) for each in (await session.exec(query)).all())


def _through(entry: AuditEntry) -> tuple[int, str]:
    return int(entry.data.get("through", 0)), str(entry.data.get("digest", ""))


async def _unchained(session: AsyncSession) -> int:
    found: int = (await session.exec(_UNCHAINED)).one()
    return found
