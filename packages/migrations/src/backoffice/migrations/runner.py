"""Brings a database to the present: the lock, the packages in order, then the app's own history."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine

from backoffice.core.errors import BackofficeError, Unavailable
from backoffice.core.settings import load
from backoffice.core.user_tables import UserTable, reflected
from backoffice.migrations.connections import file_missing, migrating, reading
from backoffice.migrations.histories import APP, Migration, PackageHistory, installed, ordered
from backoffice.migrations.locks import migration_lock
from backoffice.migrations.project import AppHistory, adopted_table
from backoffice.migrations.sessions import Sessions
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.standings import Standing, standing, standings

Tell = Callable[[str], None]


def upgrade(
    database_url: str,
    app: AppHistory | None = None,
    *,
    histories: Sequence[PackageHistory] | None = None,
    settings: MigrationSettings | None = None,
    user_table: str | None = None,
    tell: Tell = lambda _: None,
) -> list[Migration]:
    """Apply what is pending: the packages' revisions, then those of the app's own history.

    Each package is one transaction. `histories` are the installed packages' unless given; `tell`
    gets pieces of text about the progress. `user_table` is the app's own table of users, by
    default what the settings or the project name: the app's history goes first then. Any number of
    processes may call this at once: one works, the others wait and find nothing to do.

    Blocks: from async code, `await anyio.to_thread.run_sync(upgrade, url)`. Raises Conflict for
    a history that the files and the database disagree about, once the others are done, and what
    `backoffice.migrations.errors` lists.
    """
    limits = settings or load(MigrationSettings)
    adopted = adopted_table(limits) if user_table is None else user_table
    known = ordered(installed() if histories is None else histories)
    sessions = Sessions(limits, tell)
    with (
        migrating(database_url, limits.lock_timeout, sessions.patience) as engine,
        migration_lock(engine, limits.wait, tell),
        engine.connect() as connection,
        sessions,
    ):
        sessions.fit(connection)
        parts = _Parts(connection, app, found, tell, adopted)
        order = [parts.app, parts.before] if adopted else [parts.before, parts.app]
        applied = [each for part in (*order, parts.after) for each in part()]
    for each in unsynced_standings(found):
        tell(f"warning: {unsynced_words(each)}\n")
    if parts.refusals:
        raise parts.refusals[0]
    return applied


def status(
    database_url: str,
    app: AppHistory | None = None,
    *,
    histories: Sequence[PackageHistory] | None = None,
    tell: Tell = lambda _: None,
) -> list[Standing]:
    """Where the database stands in each history; changes nothing.

    Alembic is imported only where the app has a history of its own.
    """
    known = ordered(installed() if histories is None else histories)
    with reading(database_url) as engine:
        found = _standings(engine, known)
        if app is not None:
            from backoffice.migrations import environment

            with engine.connect() as connection:
                found.append(environment.standing(app, connection, tell))
    return found


def offline_sql(
    database_url: str,
    app: AppHistory | None = None,
    *,
    histories: Sequence[PackageHistory] | None = None,
) -> str:
    """The SQL that `upgrade` would run on this database now; changes nothing.

    Raises SetupError for a revision that cannot be written without a database, such as one that
    copies a table on SQLite.
    """
    from backoffice.migrations import environment, packages
    from backoffice.migrations.steps import ahead

    adopted = adopted_table(load(MigrationSettings))
    known = ordered(installed() if histories is None else histories)
    by_name = {history.name: history for history in known}
    written = []
    with reading(database_url) as engine:
        users = _reflected(engine, adopted) if adopted else None
        for each in status(database_url, app, histories=known):
            if each.state == "present":
                continue
            if each.state == "ahead":
                raise ahead(each.history, ", ".join(each.current))
            if each.history in by_name:
                history, current = by_name[each.history], next(iter(each.current), None)
                written.append(packages.offline_sql(engine.dialect, history, current, users))
            elif app is not None:
                written.append(environment.offline_sql(app, engine.url, each.current))
    return "".join(written)


def _reflected(engine: Engine, name: str) -> UserTable:
    with engine.connect() as connection:
        return reflected(connection, name)


def _standings(engine: Engine, histories: Sequence[PackageHistory]) -> list[Standing]:
    if file_missing(engine.url):
        return [standing(history, ()) for history in histories]
    with engine.connect() as connection:
        return standings(connection, histories)


def _packages(
    connection: Connection,
    histories: Sequence[PackageHistory],
    found: Sequence[Standing],
    tell: Tell,
    user_table: str,
    sessions: Sessions,
) -> tuple[list[Migration], list[BackofficeError]]:
    if all(each.state == "present" for each in found):
        return [], []
    from backoffice.migrations.steps import ahead

    applied: list[Migration] = []
    refusals: list[BackofficeError] = []
    for history, each in zip(histories, found, strict=True):
        if each.state == "ahead":
            refusals.append(ahead(history.name, ", ".join(each.current)))
        elif each.state == "pending":
            # A package that has begun finds the users by what it has made.
            users = None if each.current else _adopted(connection, user_table)
            applied += _package(connection, history, tell, users, sessions)
    return applied, refusals


def _package(
    connection: Connection,
    history: PackageHistory,
    tell: Tell,
    users: UserTable | None,
    sessions: Sessions,
) -> list[Migration]:
    """All of a package or nothing: where one revision is blocked, they let go of their locks, and
    all are tried again."""
    from backoffice.migrations import packages
    from backoffice.migrations.steps import Steps

    while True:
        steps = Steps(history.name, tell, sessions)
        try:
            packages.upgrade(connection, history, steps, users)
        except Unavailable as blocked:
            if not sessions.patience.again(blocked.__cause__ or blocked):
                raise
        else:
            return steps.applied


def _adopted(connection: Connection, name: str) -> UserTable | None:
    if not name:
        return None
    with connection.begin():  # Alembic commits nothing where a transaction is open already
        return reflected(connection, name)


def _app(
    connection: Connection, app: AppHistory, tell: Tell, sessions: Sessions
) -> list[Migration]:
    from backoffice.migrations import environment
    from backoffice.migrations.steps import Steps

    steps = Steps(APP, tell, sessions)
    environment.upgrade(app, connection, steps, tell, sessions)
    return steps.applied
