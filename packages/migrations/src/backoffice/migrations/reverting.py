"""The way back: takes back revisions of the app's own history, or of one package."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from backoffice.core.errors import Conflict, InvalidInput, NotFound
from backoffice.core.settings import load
from backoffice.migrations.connections import file_missing, migrating, reading
from backoffice.migrations.histories import APP, Migration, PackageHistory, installed, ordered
from backoffice.migrations.locks import migration_lock
from backoffice.migrations.project import AppHistory
from backoffice.migrations.sessions import Sessions
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.standings import standings
from backoffice.migrations.vendored import Modes, modes

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Destination:
    """How far back: `revision` is an id, `base` or `-N`, of the app's history or a package's."""

    history: str
    revision: str

    @classmethod
    def of(cls, typed: str, parts: Modes, *, app: bool) -> "Destination":
        """What was typed, as `REV`, `-N`, `base` or `PACKAGE@REV`.

        InvalidInput for a package that is not managed, NotFound for a revision that is not there.
        """
        package, at, revision = typed.rpartition("@")
        names = [each.name for each in parts.managed]
        if (at and package not in names) or not (at or app):
            told = ", ".join(f"{each}@-1" for each in names) or "there is none"
            raise InvalidInput(f"{typed}: say which revision of which package: {told}")
        found = cls(package if at else APP, revision)
        found._check(parts)
        return found

    def _check(self, parts: Modes) -> None:
        if self.revision == "base" or self.revision.removeprefix("-").isdigit():
            if self.revision.isdigit() and not self._known(parts):
                raise InvalidInput(f"{self.revision}: -{self.revision} goes back that many")
            return
        if not self._known(parts):
            raise NotFound(
                f"{self.history}: there is no revision {self.revision}; "
                "`backoffice migrate history` lists them"
            )

    def _known(self, parts: Modes) -> bool:
        if self.history == APP:
            ids = [each.id for each in parts.scripts]
        else:
            ids = [each.id for each in self.package(parts).revisions]
        return bool(self.revision) and any(each.startswith(self.revision) for each in ids)

    def package(self, parts: Modes) -> PackageHistory:
        """The package's history."""
        return next(each for each in parts.managed if each.name == self.history)


def undoing(
    database_url: str,
    destination: Destination,
    app: AppHistory | None,
    parts: Modes,
    *,
    tell: Tell = lambda _: None,
) -> list[Migration]:
    """What `downgrade` would take back, the newest first; changes nothing."""
    with reading(database_url) as engine:
        if file_missing(engine.url):
            return []
        with engine.connect() as connection:
            _check_required(connection, destination, parts)
            return _found(connection, destination, app, parts, tell)


def downgrade(
    database_url: str,
    destination: Destination,
    app: AppHistory | None,
    *,
    histories: Sequence[PackageHistory] | None = None,
    settings: MigrationSettings | None = None,
    agreed: Sequence[Migration] | None = None,
    tell: Tell = lambda _: None,
) -> list[Migration]:
    """Take back what stands above the destination, the newest first; what that held is lost.

    One process at a time, as `upgrade`; raises the same. Conflict where a package is to lose the
    tables that another one requires, and where anything but what was `agreed` would go: another
    process was here since then.
    """
    from backoffice.migrations import environment, packages
    from backoffice.migrations.steps import Steps

    parts = modes(app, ordered(installed() if histories is None else histories))
    limits = settings or load(MigrationSettings)
    with _migrating(database_url, limits, tell) as (connection, sessions):
        _check_required(connection, destination, parts)
        if agreed is not None:
            _check_agreed(_found(connection, destination, app, parts, tell), agreed)
            connection.rollback()
        steps = Steps(destination.history, tell, sessions)
        if destination.history != APP:
            history = destination.package(parts)
            packages.downgrade(connection, history, destination.revision, steps)
        elif app is not None:
            environment.downgrade(app, connection, destination.revision, steps, tell, sessions)
    return steps.applied


@contextmanager
def _migrating(
    url: str, limits: MigrationSettings, tell: Tell
) -> Iterator[tuple[Connection, Sessions]]:
    sessions = Sessions(limits, tell)
    with (
        migrating(url, limits.lock_timeout, sessions.patience) as engine,
        migration_lock(engine, limits.wait, tell),
        engine.connect() as connection,
        sessions,
    ):
        sessions.fit(connection)
        yield connection, sessions


def _found(
    connection: Connection,
    destination: Destination,
    app: AppHistory | None,
    parts: Modes,
    tell: Tell,
) -> list[Migration]:
    from backoffice.migrations import environment, packages

    if destination.history != APP:
        history = destination.package(parts)
        found = packages.undoing(connection, history, destination.revision)
    elif app is not None:
        found = environment.undoing(app, connection, destination.revision, tell)
    else:
        found = []
    return [Migration(destination.history, each.id, each.doc) for each in found]


def _check_agreed(found: Sequence[Migration], agreed: Sequence[Migration]) -> None:
    """`-1` is another revision once somebody else has taken one back."""
    if list(found) != list(agreed):
        ids = ", ".join(each.revision for each in found) or "nothing"
        raise Conflict(
            f"another process has migrated this database meanwhile: {ids} would be undone now. "
            "Nothing was; look at it again",
            code="database_changed",
        )


def _check_required(connection: Connection, destination: Destination, parts: Modes) -> None:
    """Those that require a package go before it does."""
    if destination.history == APP or destination.revision != "base":
        return
    with connection.begin() if not connection.in_transaction() else connection.begin_nested():
        found = standings(connection, parts.managed)
    there = {each.history for each in found if each.current}
    needing = [
        each.name
        for each in parts.managed
        if destination.history in each.requires and each.name in there
    ]
    if needing:
        first = ", ".join(f"{each}@base" for each in needing)
        raise Conflict(
            f"{destination.history} is required by {', '.join(needing)}; undo that first: {first}",
            code="package_required",
        )
