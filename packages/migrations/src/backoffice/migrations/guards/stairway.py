"""Each revision up, down and up again, on rows: what it leaves, and whether it makes the same."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack

from sqlalchemy import Connection, exists, literal, select, table, union_all
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError, StatementError

from backoffice.core.errors import BackofficeError, SetupError
from backoffice.migrations.errors import sqlstate
from backoffice.migrations.guards import rows
from backoffice.migrations.guards.faults import Fault
from backoffice.migrations.guards.rehearsal import Rehearsal
from backoffice.migrations.guards.schema import Schema, differences, tables_of

#: Puts rows of the app's own into the database once it is at a revision.
Seeds = Callable[[Connection, str], None]
Begin = Callable[[], AbstractContextManager[Rehearsal]]

_MOST_BEGINNINGS = 20
# PostgreSQL's SQLSTATEs, and SQLite's words.
_OF_VALUES = "23503|23514|None (FOREIGN KEY|CHECK) constraint failed"
_IRREVERSIBLE = "irreversible"
_AT_ONCE = 100  # SQLite takes 500 at most


class Stairway:
    """The way up through a history, with a step back at each revision.

    `since` names the last revision that is only applied; `rows` says whether rows are made up.
    At the end the database is at the head: `rehearsal` is what it is left in.
    """

    def __init__(
        self, begin: Begin, *, seeds: Seeds | None, since: str | None, generated: bool
    ) -> None:
        self._begin = begin
        self._seeds = seeds
        self._since = since
        self._generated = generated
        self._held = ExitStack()
        self._beginnings = 0
        self._told: set[str] = set()
        #: Why an upgrade failed, where that may be due to values that the app never writes.
        self._doubted: BackofficeError | None = None

    def __enter__(self) -> "Stairway":
        self._anew()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def climb(self) -> Iterator[Fault]:
        """Go all the way; a fault of a revision does not hide those of the next ones."""
        ids = self.rehearsal.revisions()
        done = self._known(ids)
        self.rehearsal.up(*ids[:done])
        self._present = self._schema()
        yield from self._seeded(ids[done - 1] if done else "")
        for place in range(done, len(ids)):
            found = list(self._step(ids[place]))
            went_on = not self._stuck or self._resumed(ids[: place + 1])
            if went_on and self._doubted is not None:
                found = [self._doubtful(ids[place], self._doubted)]
            yield from found
            if not went_on:
                yield Fault("stairway", "the revisions after it were not tried", "", ids[place])
                return
            yield from self._seeded(ids[place])

    def _known(self, ids: Sequence[str]) -> int:
        if self._since is None:
            return 0
        if self._since not in ids:
            raise SetupError(f"there is no revision {self._since!r} to begin after")
        return ids.index(self._since) + 1

    def _step(self, revision: str) -> Iterator[Fault]:
        self._stuck = False
        self._doubted = None
        before, filled = self._present, self._with_rows()
        if (error := self._tried(self.rehearsal.up, revision)) is not None:
            self._stuck = True
            if self._seeds is None and _about_values(error):
                self._doubted = error
            yield self._fault(revision, f"the upgrade fails: {_reason(error)}")
            return
        after = self._present = self._schema()
        yield from self._lost(revision, filled)
        if (error := self._tried(self.rehearsal.down, revision)) is not None:
            self._present = self._schema()
            self._stuck = self._present != after
            yield self._not_down(revision, error)
            return
        yield from self._left(revision, differences(before, self._schema()))
        if (error := self._tried(self.rehearsal.up, revision)) is not None:
            self._stuck = True
            told = f"it cannot be applied again after its downgrade: {_reason(error)}"
            yield self._fault(revision, told)
            return
        self._present = self._schema()
        for each in differences(after, self._present):
            yield self._fault(revision, f"applied again after its downgrade, {each}")

    def _left(self, revision: str, found: Sequence[str]) -> Iterator[Fault]:
        for each in found:
            told = f"its downgrade does not take back what it did: {each}"
            # PostgreSQL cannot take a value out of an enum.
            kept = each.startswith("enum ") and "instead of" in each
            yield Fault("stairway", told, revision=revision, note=kept)

    def _not_down(self, revision: str, error: BackofficeError) -> Fault:
        cause = error.__cause__
        kind = type(cause).__name__
        if isinstance(cause, NotImplementedError) or _IRREVERSIBLE in f"{kind} {cause}".lower():
            return Fault("stairway", "says that there is no way back", revision=revision, note=True)
        return self._fault(revision, f"the downgrade fails: {_reason(error)}")

    def _doubtful(self, revision: str, error: BackofficeError) -> Fault:
        told = f"the upgrade fails on rows that were made up, and not without: {_reason(error)}"
        return Fault("stairway", told, "give seeds", revision, note=True)

    def _lost(self, revision: str, before: set[str]) -> Iterator[Fault]:
        for name in sorted(before & tables_of(self._present) - self._with_rows()):
            told = f"after the upgrade no row of {name} is left"
            yield Fault("stairway", told, "see that it is meant", revision, note=True)

    def _tried(self, go: Callable[[str], None], revision: str) -> BackofficeError | None:
        try:
            go(revision)
        except BackofficeError as error:
            return error
        return None

    def _resumed(self, ids: Sequence[str]) -> bool:
        """Come to the last of these in a new database, without rows that may be to blame."""
        if self._beginnings >= _MOST_BEGINNINGS:
            return False
        self._anew()
        try:
            self.rehearsal.up(*ids)
        except BackofficeError:
            return False
        self._present = self._schema()
        return True

    def _anew(self) -> None:
        self._held.close()
        self._beginnings += 1
        self.rehearsal = self._held.enter_context(self._begin())
        self._filled: set[str] = set()
        self._present = self._schema()
        self._stuck = False

    def _seeded(self, revision: str) -> Iterator[Fault]:
        with self.rehearsal.engine.begin() as connection:
            if self._seeds is not None and revision:
                self._seeds(connection, revision)
            names = {each for each in tables_of(self._present) if "." not in each}
            if self._generated and names - self._filled:
                for note in rows.fill(connection, names - self._filled):
                    if note.message not in self._told:
                        self._told.add(note.message)
                        yield note
            self._filled |= names

    def _schema(self) -> Schema:
        return self.rehearsal.schema()

    def _with_rows(self) -> set[str]:
        """The tables that are not empty."""
        names = sorted(tables_of(self._present) & self._filled)
        found: set[str] = set()
        with self.rehearsal.engine.connect() as connection:
            for some in (names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE)):
                asked = [
                    select(literal(each)).where(exists().select_from(table(each))) for each in some
                ]
                found.update(connection.scalars(union_all(*asked)))
        return found

    def _fault(self, revision: str, told: str) -> Fault:
        return Fault("stairway", told, revision=revision)


def _about_values(error: BackofficeError) -> bool:
    """Whether it may be due to what is in the rows, and not to the schema that has allowed them."""
    cause = error.__cause__
    if not isinstance(cause, StatementError):
        return cause is not None and not isinstance(cause, SQLAlchemyError)
    if not isinstance(cause, DBAPIError):
        return True  # a value that its type does not take
    found = f"{sqlstate(cause)} {cause.orig}"
    return isinstance(cause, DataError) or re.match(_OF_VALUES, found) is not None


def _reason(error: BackofficeError) -> str:
    """Without the name of the revision, which stands before it anyway."""
    return error.message.partition(" failed: ")[2] or error.message
