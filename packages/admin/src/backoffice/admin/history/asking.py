"""What the address of a page of the history asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, or_
from sqlmodel import col

from backoffice.admin.history.models import Change

ACTIONS = {"add": "Added", "change": "Changed", "delete": "Deleted"}
WAYS = {
    "admin": "in the admin",
    "api": "by the API",
    "command": "by a command",
    "app": "by the app",
}
_LARGEST = 2**63 - 1
_MOST_WORDS = 8
_LONGEST_WORD = 200


@dataclass(frozen=True)
class Asked:
    """Which changes, and which page of them; what an address says wrongly, it does not say."""

    resource: str = ""
    key: str = ""
    actor: str = ""
    action: str = ""
    way: str = ""
    q: str = ""
    since: date | None = None
    until: date | None = None
    #: The numbers of the changes that the page ends before, going back in time, or forth.
    after: int | None = None
    before: int | None = None

    @classmethod
    def by(cls, query: Mapping[str, str]) -> "Asked":
        """By the query of an address."""
        said = {name: query.get(name, "").replace("\0", "") for name in _TEXTS}
        said["action"] = said["action"] if said["action"] in ACTIONS else ""
        said["way"] = said["way"] if said["way"] in WAYS else ""
        return cls(
            **said,
            since=_day(query.get("since", "")),
            until=_day(query.get("until", "")),
            after=_number(query.get("after", "")),
            before=_number(query.get("before", "")),
        )

    @property
    def words(self) -> list[str]:
        """What is searched for: each of these."""
        return [each[:_LONGEST_WORD] for each in self.q.split()[:_MOST_WORDS]]

    @property
    def is_sifted(self) -> bool:
        """Whether many changes may have to be looked at for each that fits: no index finds it."""
        if self.key:
            return False
        sifted = self.action or self.way or self.since or self.until
        return bool(self.words) or bool(sifted and not (self.resource or self.actor))

    def clauses(self, named: list[str]) -> list[ColumnElement[bool]]:
        """What a change has to fulfil; the pages `named` may be searched by what records are
        called."""
        pairs = (
            (Change.record_key, self.key),
            (Change.actor, self.actor),
            (Change.action, self.action),
            (Change.through, self.way),
        )
        found = [col(column) == wanted for column, wanted in pairs if wanted]
        if self.since is not None:
            found.append(col(Change.at) >= _midnight(self.since))
        if self.until is not None and self.until < date.max:
            found.append(col(Change.at) < _midnight(self.until + timedelta(days=1)))
        return [*found, *(_mentions(each, named) for each in self.words)]


_TEXTS = ("resource", "key", "actor", "action", "way", "q")


def _mentions(word: str, named: list[str]) -> ColumnElement[bool]:
    label = col(Change.label).icontains(word, autoescape=True)
    return or_(
        label & col(Change.resource).in_(named),
        col(Change.record_key) == word,
        col(Change.request_id) == word,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number if 0 < number <= _LARGEST else None
