"""What an interrupted revision had done already, so that it goes on from there.

A revision within one transaction needs none of this: it is there with its version row, or not at
all. But one that leaves its transaction (`autocommit_block`, a commit of its own) is half done when
its process is killed, and would fail for ever with "already exists". So each commit in the midst
of a revision carries a row for each statement that it makes last, in the same transaction; where
the revision runs again, those statements are left out. The table is there only while a revision is
half done: with the last one it goes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from backoffice.migrations.concurrently import Concurrent, dropped
from backoffice.migrations.entries import TABLE, Entries, Entry, digested, literal
from backoffice.migrations.errors import RevisionFailed
from backoffice.migrations.patience import Patience
from backoffice.migrations.verbs import (
    first_word,
    passes,
    returns_rows,
    to_savepoint,
    transactional,
)

#: The execution option of statements that know by themselves how far they have come.
RESUMABLE = "backoffice_resumable"


@contextmanager
def resumable(connection: Connection) -> Iterator[None]:
    """What the connection does within knows by itself how far it has come: it is done again."""
    connection.execution_options(**{RESUMABLE: True})
    try:
        yield
    finally:
        connection.execution_options(**{RESUMABLE: False})


class Journal:
    """Follows the statements of the revisions that one connection runs."""

    def __init__(self, connection: Connection, patience: Patience) -> None:
        self._connection = connection
        self._patience = patience
        self._entries = Entries(connection)
        self._forget()

    def _forget(self) -> None:
        self._running = False
        self._left = False
        self._by_hand = False
        self._replayed: list[Entry] = []
        self._noted: list[Entry] = []
        #: How many rows there were before the last commit, until it is known to have gone through.
        self._before: int | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Follow the connection within."""
        dialect = self._connection.dialect
        listeners: list[tuple[Any, str, Callable[..., Any]]] = [
            (self._connection, "commit", self._on_commit),
            (self._connection, "rollback", self._on_rollback),
            (dialect, "do_execute", self._on_execute),
            (dialect, "do_executemany", self._on_executemany),
            (dialect, "do_execute_no_params", self._on_execute_no_params),
        ]
        for listener in listeners:
            event.listen(*listener)
        try:
            yield
        finally:
            for listener in listeners:
                event.remove(*listener)

    def begin(self, revision: str) -> bool:
        """A revision runs from here on; whether an earlier run has done a part of it."""
        self._forget()
        self._entries.read(revision)
        self.restart()
        return bool(self._entries.done)

    def leave(self) -> None:
        """The revision that was begun knows by itself how far it has come: it is done again."""
        self._left = True
        self._running = False

    def restart(self) -> None:
        """The revision begins anew; what it has committed is left out."""
        self._running = not self._left
        self._by_hand = False
        self._noted.clear()
        self._replayed = list(self._entries.done)

    def finish(self) -> None:
        """The version row stands for all of it: in that transaction, the journal forgets it."""
        self._entries.clear()
        self._forget()

    def _on_commit(self, _: Connection) -> None:
        if self._running and self._noted:
            self._before = len(self._entries.done)
            self._entries.keep(self._noted)
            self._noted = []

    def _on_rollback(self, _: Connection) -> None:
        self._noted = []
        if self._before is not None:  # the commit was refused, as by a deferred constraint
            self._take_back(self._before)

    def _take_back(self, before: int) -> None:
        self._entries.take_back(before)
        self._before = None

    def _on_execute(self, cursor: Any, statement: str, values: Any, context: Any) -> bool | None:
        dialect = self._connection.dialect
        return self._follow(
            statement, values, context, lambda: dialect.do_execute(cursor, statement, values)
        )

    def _on_executemany(
        self, cursor: Any, statement: str, values: Any, context: Any
    ) -> bool | None:
        def call() -> None:
            self._connection.dialect.do_executemany(cursor, statement, values, context)

        return self._follow(statement, values, context, call)

    def _on_execute_no_params(self, cursor: Any, statement: str, context: Any) -> bool | None:
        dialect = self._connection.dialect
        return self._follow(
            statement, (), context, lambda: dialect.do_execute_no_params(cursor, statement)
        )

    def _follow(
        self, statement: str, values: Any, context: Any, call: Callable[[], None]
    ) -> bool | None:
        """Do a statement, or leave it out: True to SQLAlchemy; None for one of no concern."""
        if not self._running or context.root_connection is not self._connection:
            return None
        self._before = None
        verb = first_word(statement)
        if context.execution_options.get(RESUMABLE) or self._transacts(verb, statement):
            return None
        if passes(verb, statement):
            return None
        digest = digested(statement, values)
        if (before := self._left_out(digest, verb, statement)) is not None:
            context._rowcount = before.rows
            return True
        entry = Entry(digest, verb)
        if self._autocommit() and not self._by_hand:
            self._alone(entry, statement, context, call)
        else:
            call()
            self._noted.append(Entry(digest, verb, _counted(context)))
        return True

    def _transacts(self, verb: str, statement: str) -> bool:
        """Whether a statement begins or ends a transaction by hand, which is followed too."""
        if verb in ("COMMIT", "END"):
            self._on_commit(self._connection)
        elif verb == "ROLLBACK" and not to_savepoint(statement):
            self._noted = []
        elif verb not in ("BEGIN", "START"):
            return False
        self._by_hand = verb in ("BEGIN", "START")
        return True

    def _left_out(self, digest: str, verb: str, statement: str) -> Entry | None:
        """What the journal has for a statement that an earlier run did."""
        places = [at for at, each in enumerate(self._replayed) if each.digest == digest]
        if places:
            if returns_rows(statement):
                raise self._unclear("a statement whose answer is needed was done before")
            found = self._replayed[places[0]]
            # Those before it were asked for then, and are not now: a type that is there already.
            del self._replayed[: places[0] + 1]
            return found
        if verb == "INSERT" and any(each.verb == "INSERT" for each in self._replayed):
            raise self._unclear("it would insert other rows than it did before")
        return None

    def _unclear(self, why: str) -> RevisionFailed:
        return RevisionFailed(
            f"{self._entries.revision} was interrupted after {len(self._entries.done)} statements "
            f"that it had committed, and cannot go on by itself: {why}. Undo them by hand, then "
            f"`DROP TABLE {TABLE}`, and migrate again",
            code="revision_interrupted",
        )

    def _alone(self, entry: Entry, statement: str, context: Any, call: Callable[[], None]) -> None:
        """A statement that commits by itself. What it waits for, it alone waits for."""
        concurrent = Concurrent.of(statement)
        while True:
            try:
                if concurrent is not None:
                    self._concurrently(concurrent, entry, call)
                elif transactional(entry.verb, statement):
                    self._together(entry, context, call)
                else:
                    self._by_itself(entry, statement, call)
            except Exception as error:
                if not self._patience.again(error):
                    raise
            else:
                return

    def _together(self, entry: Entry, context: Any, call: Callable[[], None]) -> None:
        """The statement and its row of the journal, in one transaction."""
        sqlite = self._connection.dialect.name == "sqlite"
        before = len(self._entries.done)
        self._entries.write("BEGIN IMMEDIATE" if sqlite else "BEGIN")
        try:
            call()
            self._entries.keep([Entry(entry.digest, entry.verb, _counted(context))])
            self._entries.write("COMMIT")
        except BaseException:
            self._take_back(before)
            self._entries.write("ROLLBACK")
            raise

    def _by_itself(self, entry: Entry, statement: str, call: Callable[[], None]) -> None:
        """What no transaction can hold: that it was begun is written down before it."""
        if _begun(entry) in self._entries.done and dropped(statement, self._entries.rows):
            self._entries.keep([entry])
            return
        with self._begins(entry):
            call()

    def _concurrently(self, concurrent: Concurrent, entry: Entry, call: Callable[[], None]) -> None:
        valid = concurrent.valid(self._entries.rows)
        if valid and _begun(entry) in self._entries.done:
            self._entries.keep([entry])
            return
        if valid is False:
            self._entries.write(concurrent.dropping(self._entries.rows))
        with self._begins(entry), self._unhurried():
            try:
                call()
            except Exception:
                if concurrent.valid(self._entries.rows) is False:
                    self._entries.write(concurrent.dropping(self._entries.rows))
                raise

    @contextmanager
    def _begins(self, entry: Entry) -> Iterator[None]:
        """What is done within was begun, or was done; one that the database refused was neither."""
        begun = _begun(entry)
        if begun not in self._entries.done:
            self._entries.keep([begun])
        try:
            yield
        except Exception as refusal:
            # Any: as the driver has them.
            error: Any = refusal
            handed: Any = self._connection.connection.dbapi_connection
            if not self._connection.dialect.is_disconnect(error, handed, None):
                self._entries.strike(begun)
            raise
        self._entries.keep([entry])

    @contextmanager
    def _unhurried(self) -> Iterator[None]:
        """Nobody queues behind what is done concurrently: it may wait as long as it takes."""
        before = self._entries.rows("SHOW lock_timeout")[0][0]
        self._entries.write(f"SET lock_timeout = {round(self._patience.seconds * 1000)}")
        try:
            yield
        finally:
            self._entries.write(f"SET lock_timeout = {literal(before)}")

    def _autocommit(self) -> bool:
        return self._connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"


def _begun(entry: Entry) -> Entry:
    return Entry(f"~{entry.digest[1:]}", entry.verb)


def _counted(context: Any) -> int:
    counted = getattr(context.cursor, "rowcount", -1)
    return counted if isinstance(counted, int) else -1
