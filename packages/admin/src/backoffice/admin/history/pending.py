"""What a session has changed and not committed: the rows as they were before, and who it is."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from backoffice.admin.history.circumstances import Way, undone, way_of
from backoffice.admin.history.tracks import Key, Row, Track
from backoffice.core.request_ids import request_id

#: The session's `info` of who is followed in it.
FOLLOWED = "backoffice_history_followed"


@dataclass(frozen=True)
class Author:
    """Who changes something, and in which circumstances."""

    actor: str
    through: Way
    request_id: str
    undoes: int | None

    @classmethod
    def here(cls, actor: str, way: Way | None = None) -> "Author":
        """Somebody, here and now."""
        return cls(actor[:128], way or way_of(actor), (request_id() or "")[:128], undone())


@dataclass
class Pending:
    """The rows that one transaction has touched."""

    #: As they were before; None where there was no such row.
    rows: dict[Track, dict[Key, Row | None]] = field(default_factory=dict)
    #: Tables of which any row may have come or gone.
    whole: set[Track] = field(default_factory=set)
    author: Author | None = None
    #: The one that is asked for its commit, where the session does not tell.
    watched: Connection | None = None

    def unknown(self, track: Track, keys: list[Key]) -> list[Key]:
        """Those of the keys whose rows were not touched before."""
        known = self.rows.get(track, {})
        return [each for each in dict.fromkeys(keys) if each not in known]

    def touch(self, track: Track, key: Key, before: Any) -> None:
        """Keep a row as it was; what it was first is what counts."""
        self.rows.setdefault(track, {}).setdefault(key, before)
