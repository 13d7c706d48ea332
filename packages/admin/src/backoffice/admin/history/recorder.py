"""The recorder: writes a change down in the transaction that makes it.

It looks at each row before it is written for the first time, and once more before the commit: what
is written down is what the database had and what it will have, by whichever way it was changed.
What is taken back by then has made no difference, and is not told.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, cast

from sqlalchemy import Connection, Result, Table, TextClause, event, insert, select
from sqlalchemy import inspect as inspected
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin.history.circumstances import Way
from backoffice.admin.history.differences import told
from backoffice.admin.history.models import Change
from backoffice.admin.history.pending import FOLLOWED, Author, Pending
from backoffice.admin.history.statements import (
    inserted,
    is_told,
    updated_by_key,
    values_of,
    written_by_text,
)
from backoffice.admin.history.tracks import Key, Row, Track, Tracks, identity_of, key_of
from backoffice.admin.holding import begin_to_write, held
from backoffice.admin.records import RecordView
from backoffice.auth import AuthEvent, Services, UserCreated
from backoffice.core import Clock

log = logging.getLogger(__name__)

#: Rows that one statement, or what goes with one row, may touch and be told of one by one.
MOST_ROWS = 10_000
_KNOWN = "backoffice_recorded"


def follow(session: AsyncSession, *, actor: str = "", through: Way | None = None) -> None:
    """Have what this session changes in the models of the admin written into their history.

    Sessions of the admin are followed, and tell by their events who acts. Somebody else says so:
    `actor` as in the audit log, such as `user:<id>`.
    """
    session.sync_session.info[FOLLOWED] = Author.here(actor, through) if actor else True


def record(views: Sequence[RecordView], services: Services) -> None:
    """Have each change of records of these views written down, for the rest of the run.

    Of several admins on the same accounts, each tells of the models that no other one tells of.
    """
    sessions: Any = services.database.session_class
    known: set[type[Any]] = sessions.__dict__.get(_KNOWN, set())
    tracks = Tracks(each for each in views if each.model not in known)
    setattr(sessions, _KNOWN, known | {each.model for each in views})
    recorder = Recorder(tracks, services.clock)
    recorder.listen(sessions)
    services.events.within(AuthEvent)(recorder.heard)


class Recorder:
    """The recorder of one run of the app."""

    def __init__(self, tracks: Tracks, clock: Clock) -> None:
        self._tracks = tracks
        self._clock = clock

    def listen(self, sessions: type[Session]) -> None:
        """Look at what sessions of this class change."""
        event.listen(sessions, "before_flush", self._before_flush)
        event.listen(sessions, "after_flush", self._after_flush)
        event.listen(sessions, "do_orm_execute", self._before_statement)
        event.listen(sessions, "before_commit", self._before_commit)
        event.listen(sessions, "after_transaction_end", self._ended)

    async def heard(self, heard: AuthEvent, session: AsyncSession) -> None:
        """Learn from an event who changes what the session changes."""
        pending = self._pending(session.sync_session)
        if heard.actor or pending.author is None:
            pending.author = Author.here(heard.actor)
        if isinstance(heard, UserCreated):
            self._touch_created(pending, heard.subject)

    def _touch_created(self, pending: Pending, subject: str) -> None:
        """Imports write past the session."""
        users = self._tracks.of_resource("users")
        if users is not None:
            id: Any = users.view.keys.read(subject.removeprefix("user:"))
            if id is not None:
                pending.touch(users, id, None)

    # SQLAlchemy's events

    def _before_flush(self, session: Session, *_: object) -> None:
        changed: dict[Track, list[Key]] = defaultdict(list)
        deleted: dict[Track, list[Key]] = defaultdict(list)
        for each in session.dirty:
            if (track := self._followed(session, each)) and _is_changed(session, track, each):
                # A key that is changed is one record less, and another one more.
                both = {identity_of(each), key_of(each)}
                if len(both) == 1 and (row := _as_held(session, track, each)) is not None:
                    self._pending(session).touch(track, identity_of(each), row)
                else:
                    changed[track] += both
        for each in session.deleted:
            if track := self._followed(session, each):
                deleted[track].append(identity_of(each))
        # All of a table at once: what is written together costs one look.
        for track, keys in (*changed.items(), *deleted.items()):
            self._look(session, track, keys)
        for track, keys in deleted.items():
            self._look_behind(session, track, keys)
        self._look_at_owners(session, (*session.new, *session.dirty, *session.deleted))

    def _after_flush(self, session: Session, *_: object) -> None:
        for each in session.new:
            if track := self._followed(session, each):
                self._pending(session).touch(track, key_of(each), None)

    def _before_statement(self, state: ORMExecuteState) -> Result[Any] | None:
        statement: Any = state.statement
        if isinstance(statement, TextClause):
            self._look_at_text(state.session, statement)
        elif state.is_insert:
            self._look_at_inserted(state.session, statement.table, statement)
            track = self._tracks.by_table.get(statement.table)
            # Accounts are made by services, which tell of it.
            if track and not track.always and self._is_followed(state.session, track):
                look = partial(self._look, state.session, track)
                return inserted(state, track, look, partial(self._add, state.session, track))
        elif state.is_update or state.is_delete:
            self._look_at_written(state, statement)
        return None

    def _look_at_written(self, state: ORMExecuteState, statement: Any) -> None:
        table, clause = statement.table, statement.whereclause
        connection = state.session.connection()
        track = self._tracks.by_table.get(table)
        if track and self._is_followed(state.session, track) and is_told(track, statement):
            by_key = updated_by_key(state, track) if state.is_update else None
            keys = track.matching(connection, clause, MOST_ROWS) if by_key is None else by_key
            self._look(state.session, track, keys)
            if state.is_delete:
                self._look_behind(state.session, track, keys)
        for track, owner in self._tracks.owned.get(table, ()):
            query = select(owner).distinct().limit(MOST_ROWS)
            rows = connection.execute(query if clause is None else query.where(clause))
            self._look(state.session, track, [tuple(row) for row in rows])

    def _before_commit(self, session: Session) -> None:
        if not session.in_nested_transaction():
            session.flush()
            if self in session.info:
                self._write(session, session.connection())
        elif self in session.info and (pending := self._pending(session)).watched is None:
            # A savepoint that is released may be rolled back still. Or all is committed at once,
            # with the savepoint open, of which the session says nothing that is any different.
            pending.watched = session.connection()
            event.listen(pending.watched, "commit", partial(self._write, session))

    def _ended(self, session: Session, transaction: SessionTransaction) -> None:
        if transaction.parent is None:
            session.info.pop(self, None)

    # Looking

    def _pending(self, session: Session) -> Pending:
        found: Pending = session.info.setdefault(self, Pending())
        return found

    def _followed(self, session: Session, record: object) -> Track | None:
        """The track of a record, if it is told of here."""
        table = inspected(record).mapper.local_table
        track = self._tracks.by_table.get(table) if isinstance(table, Table) else None
        return track if track and self._is_followed(session, track) else None

    def _is_followed(self, session: Session, track: Track) -> bool:
        return track.always or FOLLOWED in session.info

    def _look(self, session: Session, track: Track, keys: list[Key], *, hold: bool = True) -> None:
        """Keep these rows as they are now."""
        pending = self._pending(session)
        if keys := pending.unknown(track, keys):
            begin_to_write(session.connection())
            found = track.read(session.connection(), keys, hold=hold)
            for key in keys:
                pending.touch(track, key, found.get(key))

    def _add(self, session: Session, track: Track, keys: list[Key]) -> None:
        """Keep that there were no such rows, but for those that were looked at."""
        pending = self._pending(session)
        for key in keys:
            pending.touch(track, key, None)

    def _look_behind(self, session: Session, track: Track, keys: list[Key]) -> None:
        """The same for what the database itself will change along with them."""
        if not keys:
            return
        connection, pending = session.connection(), self._pending(session)
        rows = [row for key in keys if (row := pending.rows[track].get(key)) is not None]
        for other, column, referred, goes in self._tracks.referring(track):
            if not self._is_followed(session, other):
                continue
            clause = column.in_(track.values(referred, rows))
            found = pending.unknown(other, other.matching(connection, clause, MOST_ROWS))
            self._look(session, other, found, hold=False)
            if goes:
                self._look_behind(session, other, found)
        for other, owner, column, referred in self._tracks.naming(track):
            query = select(owner).distinct().where(column.in_(track.values(referred, rows)))
            owners = [tuple(row) for row in connection.execute(query.limit(MOST_ROWS))]
            self._look(session, other, owners, hold=False)

    def _look_at_owners(self, session: Session, records: Iterable[object]) -> None:
        """The records that rows of their parts belong to."""
        owners: dict[Track, list[Key]] = defaultdict(list)
        for record in records:
            mapper = inspected(record).mapper
            for track, owner in self._tracks.owned.get(mapper.local_table, ()):
                value = getattr(record, mapper.get_property_by_column(owner).key, None)
                if value is not None and self._is_followed(session, track):
                    owners[track].append((value,))
        for track, keys in owners.items():
            self._look(session, track, keys, hold=False)

    def _look_at_text(self, session: Session, statement: TextClause) -> None:
        """All rows of the tables that it names: which of them it writes cannot be told."""
        named = set(written_by_text(statement))
        for table, track in self._tracks.by_table.items():
            if table.name.lower() in named and self._is_followed(session, track):
                keys = track.matching(session.connection(), None, MOST_ROWS + 1)
                if len(keys) > MOST_ROWS:
                    log.warning("a statement in text on %s is not told of", table.name)
                    continue
                self._look(session, track, keys)
                self._look_behind(session, track, keys)
                self._pending(session).whole.add(track)

    def _look_at_inserted(self, session: Session, table: Any, statement: Any) -> None:
        for track, owner in self._tracks.owned.get(table, ()):
            value = values_of(statement).get(owner.key)
            if value is not None and self._is_followed(session, track):
                self._look(session, track, [(getattr(value, "value", value),)], hold=False)

    # Writing

    def _write(self, session: Session, connection: Connection) -> None:
        pending: Pending | None = session.info.pop(self, None)
        if pending is None or not (pending.rows or pending.whole):
            return
        for track in pending.whole:
            for key in track.matching(connection, None, 2 * MOST_ROWS):
                pending.touch(track, key, None)
        followed = session.info.get(FOLLOWED)
        author = pending.author or (followed if isinstance(followed, Author) else None)
        if author is None:
            return
        rows = [
            {**_circumstances(author), "at": self._clock.now(), **each}
            for track, befores in pending.rows.items()
            for each in told(track, connection, befores)
        ]
        if rows:
            connection.execute(insert(Change), rows)


def _circumstances(author: Author) -> dict[str, Any]:
    return {
        "actor": author.actor,
        "through": author.through,
        "request_id": author.request_id,
        "undoes": author.undoes,
    }


def _as_held(session: Session, track: Track, record: object) -> Row | None:
    """The row of a record that was read while it was held, and so needs no other look."""
    asked = (track.view.model, track.view.keys.of(cast(SQLModel, record)))
    return track.as_read(record) if held(session).get(asked) is record else None


def _is_changed(session: Session, track: Track, record: object) -> bool:
    if not session.is_modified(record):
        return False
    state = inspected(record)
    names = {each.key for each in state.attrs if each.history.has_changes()}
    # The app's own class of users may call its fields something else, and what a relation is set
    # to is written into its column later.
    return state.mapper is not track.mapper or not names <= track.columns.keys() - track.watched
