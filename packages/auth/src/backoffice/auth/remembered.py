"""Credentials that were found good, remembered in this process for a short while."""

import time
import uuid
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

P = TypeVar("P")

#: Whom something was taken from.
Whom = uuid.UUID | None
#: As when a role changes, which many may hold.
EVERYBODY: Final = None
#: One owner's share of what is remembered: nobody is to push out all others by keys of their own.
SHARE = 10
#: A change made around the app's services, by hand in the database, is seen after this; seconds.
RELOAD_AFTER = 10.0


@dataclass(frozen=True, slots=True)
class Entry(Generic[P]):
    """Whom a credential was found to be."""

    value: P
    owner: uuid.UUID
    #: When the credential runs out; None for one that does not.
    expires_at: datetime | None
    #: When to load it again; seconds of the monotonic clock.
    reload_at: float


class Remembered(Generic[P]):
    """At most `size` of them, by digest: the text of no credential is kept.

    Those not used for longest are forgotten first; of an owner who has more than a tenth of the
    size, those that were loaded first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._of_one = max(1, size // SHARE)
        self._entries: OrderedDict[bytes, Entry[P]] = OrderedDict()
        # Of each owner in the order of loading; a set would have none.
        self._of_owner: dict[uuid.UUID, dict[bytes, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._entries

    def get(self, digest: bytes, now: datetime) -> P | None:
        """Whom the credential was found to be, if that was lately and it has not run out."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if time.monotonic() >= entry.reload_at or (
            entry.expires_at is not None and now >= entry.expires_at
        ):
            self._drop(digest)
            return None
        self._entries.move_to_end(digest)
        return entry.value

    def put(
        self, digest: bytes, value: P, *, owner: uuid.UUID, expires_at: datetime | None
    ) -> None:
        """Remember it."""
        reload_at = time.monotonic() + RELOAD_AFTER
        self._entries[digest] = Entry(value, owner, expires_at, reload_at)
        held = self._of_owner[owner]
        held[digest] = None
        if len(held) > self._of_one:
            self._drop(next(iter(held)))
        while len(self._entries) > self._size:
            self._drop(next(iter(self._entries)))

    def forget(self, owner: Whom) -> None:
        """Forget all of one owner, or of EVERYBODY."""
        if owner is EVERYBODY:
            self._entries.clear()
            self._of_owner.clear()
            return
        for digest in self._of_owner.pop(owner, ()):
            self._entries.pop(digest, None)

    def _drop(self, digest: bytes) -> None:
        entry = self._entries.pop(digest)
        held = self._of_owner[entry.owner]
        del held[digest]
        if not held:
            del self._of_owner[entry.owner]
