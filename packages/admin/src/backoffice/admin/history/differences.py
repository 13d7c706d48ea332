"""Differences: what is written down of rows, by what they were and what they are."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from backoffice.admin.history.tracks import Key, Row, Track
from backoffice.admin.history.values import HIDDEN, stored


def told(
    track: Track, connection: Connection, befores: dict[Key, Row | None]
) -> Iterator[dict[str, Any]]:
    """What is written down of each row that is another one than before."""
    afters = track.read(connection, befores)
    for key, before in befores.items():
        after = afters.get(key)
        present = after or before
        changes = _differences(track, before, after)
        if present is not None and changes:
            yield {
                "action": "add" if before is None else "delete" if after is None else "change",
                "resource": track.resource,
                "record_key": track.key(present),
                "label": track.label(present),
                "changes": changes,
            }


def _differences(track: Track, before: Row | None, after: Row | None) -> dict[str, list[Any]]:
    """Field to what it was and what it is; of what comes or goes, all that it has."""
    names = track.watched if before and after else {**(before or {}), **(after or {})}
    found: dict[str, list[Any]] = {}
    for name in sorted(names):
        old, new = ((row or {}).get(name) for row in (before, after))
        pair = [stored(old), stored(new)]
        # What is kept as text may be written differently each time that it is read.
        if pair[0] != pair[1] and not (type(old) is type(new) and old == new):
            found[name] = [*map(_veiled, pair)] if name in track.secret else pair
    return found


def _veiled(value: Any) -> Any:
    return None if value is None else dict(HIDDEN)
