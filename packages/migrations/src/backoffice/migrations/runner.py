"""Brings a database to the present: the lock, the packages in order, then the app's own history."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine

from backoffice.core.errors import BackofficeError, Unavailable
from backoffice.core.settings import load
from backoffice.core.user_tables import UserTable, reflected
from backoffice.migrations.connections import file_missing, migrating, reading
from backoffice.migrations.errors import RevisionWaits, ahead, copies_missing
from backoffice.migrations.histories import APP, Migration, PackageHistory, installed, ordered
from backoffice.migrations.locations import names_version_table
from backoffice.migrations.locks import migration_lock
from backoffice.migrations.project import AppHistory, adopted_table
from backoffice.migrations.sessions import Sessions
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.squashing import told_of
from backoffice.migrations.standings import (
    VERSION_TABLE,
    Standing,
    standing,
    standings,
    unsynced_standings,
    unsynced_words,
    versions,
)
from backoffice.migrations.startup import settled
from backoffice.migrations.vendored import Modes, came_by_copies, modes

Tell = Callable[[str], None]


def upgrade(
    database_url: str,
    app: AppHistory | None = None,
    *,
    histories: Sequence[PackageHistory] | None = None,
    settings: MigrationSettings | None = None,
    user_table: str | None = None,
    contract: bool = False,
    tell: Tell = lambda _: None,
) -> list[Migration]:
    """Apply what is pending: the packages' revisions, then those of the app's own history.

    Each package is one transaction. `histories` are the installed packages' unless given; `tell`
    gets pieces of text about the progress. `user_table` is the app's own table of users, by
    default what the settings or the project name: the app's history goes first then. Any number of
    processes may call this at once: one works, the others wait and find nothing to do. A revision
    for which it is too early, as it says itself, is told of and left, where no other stands on it;
    `contract` has it go on.

    Blocks: from async code, `await anyio.to_thread.run_sync(upgrade, url)`. Raises Conflict for
    a history that the files and the database disagree about, once the others are done, and what
    `backoffice.migrations.errors` lists.
    """
    limits = settings or load(MigrationSettings)
    adopted = adopted_table(limits) if user_table is None else user_table
    found = modes(app, ordered(installed() if histories is None else histories))
    sessions = Sessions(limits, tell)
    with (
        migrating(database_url, limits.lock_timeout, sessions.patience) as engine,
        migration_lock(engine, limits.wait, tell),
        engine.connect() as connection,
        sessions,
    ):
        sessions.fit(connection)
        run = _Run(connection, app, found, adopted, sessions, tell, contract)
        if adopted:
            run.app()
        run.packages(found.before)
        if not adopted:
            run.app()
        run.packages(found.after)
    for each in unsynced_standings(found):
        tell(f"warning: {unsynced_words(each)}\n")
    if run.refusals:
        raise run.refusals[0]
    return run.applied


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
    parts = modes(app, ordered(installed() if histories is None else histories))
    with reading(database_url) as engine:
        found = [*_standings(engine, parts.managed), *unsynced_standings(parts)]
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

    adopted = adopted_table(load(MigrationSettings))
    parts = modes(app, ordered(installed() if histories is None else histories))
    by_name = {history.name: history for history in parts.managed}
    there = {each.history: each for each in status(database_url, app, histories=histories)}
    written = []
    with reading(database_url) as engine:
        users = _reflected(engine, adopted) if adopted else None
        for each in (there[name] for name in order(parts, adopted) if name in there):
            if each.state == "present":
                continue
            if each.state == "ahead":
                raise ahead(each.history, ", ".join(each.current))
            if each.history in by_name:
                history, current = by_name[each.history], next(iter(each.current), None)
                written.append(packages.offline_sql(engine.dialect, history, current, users))
            elif app is not None:
                apart = _applied_apart(engine, parts)
                written.append(environment.offline_sql(app, engine.url, each.current, apart))
    return "".join(written)


def order(parts: Modes, user_table: str) -> list[str]:
    """The names of what is applied, the first one first."""
    before, after = ([each.name for each in some] for some in (parts.before, parts.after))
    return [APP, *before, *after] if user_table else [*before, APP, *after]


def _applied_apart(engine: Engine, parts: Modes) -> dict[str, str]:
    """How far a database was brought by version tables of packages that are copied by now."""
    if file_missing(engine.url):
        return {}
    with engine.connect() as connection:
        rows = versions(connection, [each.version_table for each in parts.vendored])
    by_name = {each.name: rows[each.version_table] for each in parts.vendored}
    return {name: there[0] for name, there in by_name.items() if there}


def _reflected(engine: Engine, name: str) -> UserTable:
    with engine.connect() as connection:
        return reflected(connection, name)


def _standings(engine: Engine, histories: Sequence[PackageHistory]) -> list[Standing]:
    if file_missing(engine.url):
        return [standing(history, ()) for history in histories]
    with engine.connect() as connection:
        return standings(connection, histories)


class _Run:
    """What is applied on one connection, one part after the other, and what was refused."""

    def __init__(
        self,
        connection: Connection,
        app: AppHistory | None,
        found: Modes,
        user_table: str,
        sessions: Sessions,
        tell: Tell,
        contract: bool,
    ) -> None:
        self._contract = contract
        self.applied: list[Migration] = []
        self.refusals: list[BackofficeError] = []
        self._connection, self._app, self._found = connection, app, found
        self._user_table, self._sessions, self._tell = user_table, sessions, tell

    def packages(self, histories: Sequence[PackageHistory]) -> None:
        """Bring these to their heads, but for those that the database contradicts."""
        self._sessions.hold(self._connection)
        # Only now, under the lock: whoever held it may have done it all.
        with self._connection.begin():
            found = standings(self._connection, histories)
        for history, each in zip(histories, found, strict=True):
            if each.state == "ahead":
                self.refusals.append(ahead(history.name, ", ".join(each.current)))
            elif each.state == "pending" and not (each.current or self._begins(history)):
                self.refusals.append(copies_missing(history.name))
            elif each.state == "pending":
                # A package that has begun finds the users by what it has made.
                name = "" if each.current else self._user_table
                users = _adopted(self._connection, name)
                self.applied += _package(
                    self._connection, history, self._tell, users, self._sessions
                )

    def app(self) -> None:
        """Bring the app's own history to its head, where it has one."""
        if self._app is None or settled(self._connection, self._app, self._found):
            return
        with told_of(self._found.scripts):
            self.applied += _app(
                self._connection, self._app, self._tell, self._sessions, self._contract
            )
            # An env.py that takes our connection has read from it, which begins a transaction.
            self._connection.rollback()

    def _begins(self, history: PackageHistory) -> bool:
        """Whether nothing says that the package's tables came by copies that are missing here."""
        with self._connection.begin():
            rows = versions(self._connection, [VERSION_TABLE])[VERSION_TABLE]
        told = self._found.complete and not names_version_table(self._app)
        return not came_by_copies(rows, self._found.scripts if told else (), history)


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
    connection: Connection, app: AppHistory, tell: Tell, sessions: Sessions, contract: bool
) -> list[Migration]:
    from backoffice.migrations import environment
    from backoffice.migrations.steps import Steps

    steps = Steps(APP, tell, sessions)
    try:
        environment.upgrade(app, connection, steps, tell, sessions, contract=contract)
    except RevisionWaits as waits:
        if waits.data["behind"]:
            raise
        tell(f"{waits.message}\n")
    return steps.applied
