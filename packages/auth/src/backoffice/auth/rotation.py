"""Rotation: one key takes over from another, and nobody is signed out.

A new key is believed, and published, at once; it signs after `lead`, when every process and every
client has learned of it. The keys before it are believed for `overlap` after that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backoffice.auth.key_ring import MAX_KEYS, RingKey, signing
from backoffice.auth.signing_keys import SigningKey
from backoffice.core import SetupError

#: Of other processes, which look at the file each second.
SHORT_LEAD = timedelta(seconds=5)
#: Of others who verify our tokens: for so long they may keep the published keys.
PUBLISHED_FOR = timedelta(minutes=5)
OVERLAP = timedelta(hours=1)


@dataclass(frozen=True)
class Rotation:
    """What a rotation makes of a ring; `added` is None where a new key is on its way already."""

    entries: list[RingKey]
    added: RingKey | None
    removed: list[RingKey]

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.added is not None or bool(self.removed)


def rotated(
    entries: Sequence[RingKey],
    key: SigningKey,
    moment: datetime,
    *,
    lead: timedelta,
    overlap: timedelta,
) -> Rotation:
    """The ring with this key, and without what is retired.

    While an earlier new key has not signed yet there is none to add, unless without any lead.
    Without an overlap, for a key that leaked, earlier ones lose what is left of theirs.
    """
    kept = [each for each in entries if not each.is_retired(moment)]
    if lead and any(_is_coming(each, moment) for each in kept):
        return _rotation(entries, kept, None)
    added = RingKey(key, signs_from=moment + lead if kept else moment)
    until = moment + lead + overlap
    kept = [_retiring(each, until, at_most=not overlap) for each in kept]
    return _rotation(entries, [each for each in kept if not each.is_retired(moment)], added)


def default_lead(key: SigningKey) -> timedelta:
    """How long a new key waits before it signs."""
    return SHORT_LEAD if key.secret is not None else PUBLISHED_FOR


def state(entry: RingKey, entries: Sequence[RingKey], moment: datetime) -> str:
    """What a key does in its ring: `signs`, `next`, or `verifies`."""
    if signing(entries, moment) is entry:
        return "signs"
    return "next" if _is_coming(entry, moment) else "verifies"


def _is_coming(entry: RingKey, moment: datetime) -> bool:
    return entry.retire_after is None and entry.signs_from is not None and entry.signs_from > moment


def _retiring(entry: RingKey, until: datetime, *, at_most: bool) -> RingKey:
    if entry.retire_after is None or (at_most and entry.retire_after > until):
        return replace(entry, retire_after=until)
    return entry


def _rotation(before: Sequence[RingKey], kept: list[RingKey], added: RingKey | None) -> Rotation:
    after = [added, *kept] if added is not None else kept
    if len(after) > MAX_KEYS:
        raise SetupError(
            f"the key ring is full: the overlap of {len(kept)} earlier keys is not over. Wait for "
            "it, or rotate with --overlap 0s"
        )
    kids = {each.key.kid for each in after}
    return Rotation(after, added, [each for each in before if each.key.kid not in kids])
