"""Credentials that were found good, remembered in this process for a short while."""

import time
import uuid
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

P = TypeVar("P")

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

    Those not used for longest are forgotten first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, Entry[P]] = OrderedDict()
        self._of_owner: dict[uuid.UUID, set[bytes]] = defaultdict(set)

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
        self._of_owner[owner].add(digest)
        while len(self._entries) > self._size:
            self._drop(next(iter(self._entries)))

    def forget(self, owner: uuid.UUID | None) -> None:
        """Forget all of one owner, or of everybody."""
        if owner is None:
            self._entries.clear()
            self._of_owner.clear()
            return
        for digest in self._of_owner.pop(owner, ()):
            self._entries.pop(digest, None)

    def _drop(self, digest: bytes) -> None:
        entry = self._entries.pop(digest)
        held = self._of_owner[entry.owner]
        held.discard(digest)
        if not held:
            del self._of_owner[entry.owner]
