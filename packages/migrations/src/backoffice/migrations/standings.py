"""How far the database has come in each history, told from the files without Alembic.

Importing Alembic takes 0.4 s; reading the version rows and the names of the revisions takes
a few milliseconds, so that an app can look at every start.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, String, column, inspect, select, table

from backoffice.core.database import Database
from backoffice.migrations.histories import Migration, PackageHistory, Revision, installed, ordered
from backoffice.migrations.project import app_history
from backoffice.migrations.vendored import Modes, copies, modes, unsynced

#: Of the app's own history, unless its env.py has another.
VERSION_TABLE = "alembic_version"

State = Literal["present", "pending", "ahead", "split", "unsynced"]


@dataclass(frozen=True)
class Standing:
    """Where the database stands in one history.

    `state` is `present`, `pending`, `ahead` (the database names a revision that the files do not
    have) or `split` (the files have several heads). `unsynced` is said of a package whose tables
    come by the app's own history, where that lacks a copy of its `pending` revisions.
    """

    history: str
    state: State
    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[Revision, ...] = ()


async def pending(
    database: Database, histories: Sequence[PackageHistory] | None = None
) -> list[Migration]:
    """What `backoffice migrate up` would do to the packages' tables; empty when nothing.

    Cheap enough for every start. It leaves out the app's own history with what is copied there,
    and one that the database is ahead of: an older release may go on running while a newer one is
    rolled out.
    Raises Unavailable when the database does not answer.
    """
    known = ordered(installed() if histories is None else histories)
    known = modes(app_history(), known).managed
    async with database.session() as session:
        found = await (await session.connection()).run_sync(standings, known)
    return [
        Migration(standing.history, revision.id, revision.doc)
        for standing in found
        for revision in standing.pending
    ]


def standings(connection: Connection, histories: Sequence[PackageHistory]) -> list[Standing]:
    """Where the database stands in each of these histories."""
    rows = versions(connection, [history.version_table for history in histories])
    return [standing(history, rows[history.version_table]) for history in histories]


def versions(connection: Connection, tables: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """The version rows of each table; none for a table that does not exist."""
    existing = set(inspect(connection).get_table_names())
    number = column("version_num", String())
    return {
        name: tuple(connection.scalars(select(number).select_from(table(name)).order_by(number)))
        if name in existing
        else ()
        for name in tables
    }


def standing(history: PackageHistory, current: tuple[str, ...]) -> Standing:
    """Where a database with these version rows stands in the history."""
    line = history.revisions
    heads = tuple(each.id for each in line[-1:])
    ids = [each.id for each in line]
    if len(current) > 1 or not set(current) <= set(ids):
        return Standing(history.name, "ahead", current, heads)
    left = line[ids.index(current[0]) + 1 :] if current else line
    return Standing(history.name, "pending" if left else "present", current, heads, left)


def unsynced_standings(found: Modes) -> list[Standing]:
    """The packages of which the app's own history lacks revisions."""
    return [
        Standing(
            history.name,
            "unsynced",
            tuple(each.id for each in copies(found.scripts, history.name)[-1:]),
            tuple(each.id for each in history.revisions[-1:]),
            missing,
        )
        for history in found.vendored
        if (missing := unsynced(found.scripts, history))
    ]


def unsynced_words(standing: Standing) -> str:
    """What to tell of such a package."""
    ids = ", ".join(each.id for each in standing.pending)
    return f"{standing.history}: your history has no copy of {ids}; run `backoffice migrate sync`"
