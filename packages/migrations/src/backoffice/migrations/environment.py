"""Runs the app's own history through its own env.py, unchanged."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import URL, Connection

from backoffice.core.database import ASYNC_DRIVERS, SYNC_DRIVERS, parsed, with_driver
from backoffice.migrations.connections import same_database
from backoffice.migrations.copying import APPLIED
from backoffice.migrations.histories import APP, Revision
from backoffice.migrations.locations import PLACEHOLDER
from backoffice.migrations.project import AppHistory
from backoffice.migrations.sessions import Sessions
from backoffice.migrations.standings import Standing
from backoffice.migrations.steps import Steps, revision_of

Tell = Callable[[str], None]
Work = Callable[[Any, MigrationContext], Iterable[RevisionStep]]


def upgrade(
    app: AppHistory,
    connection: Connection,
    steps: Steps,
    tell: Tell,
    sessions: Sessions | None = None,
    *,
    contract: bool = False,
) -> None:
    """Bring the app's history to its head, each revision in a transaction of its own.

    `contract` says that no process uses the older name of a column that is renamed in two.

    The connection is in `config.attributes["connection"]`, as Alembic's documentation has it; an
    env.py that opens one of its own goes where its own URL leads, which is told when that is not
    our database.
    """
    with steps.explained():
        environment = Environment(app, connection.engine.url)
        if contract:
            environment.config.attributes["contract"] = "now"

        def work(heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
            _notice(context, connection, tell)
            _settle(sessions, context)
            yield from steps.upgrade(environment.script, heads, context, guarded=True)

        environment.run(work, connection, sessions, destination_rev="head")


def downgrade(
    app: AppHistory,
    connection: Connection,
    target: str,
    steps: Steps,
    tell: Tell,
    sessions: Sessions,
) -> None:
    """Take the app's history back to a revision, each step in a transaction of its own."""
    with steps.explained():
        environment = Environment(app, connection.engine.url)

        def work(heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
            _notice(context, connection, tell)
            _settle(sessions, context)
            back = environment.script._downgrade_revs(target, heads)
            yield from steps.run(back, context, guarded=True)

        environment.run(work, connection, sessions, destination_rev=target)


def undoing(app: AppHistory, connection: Connection, target: str, tell: Tell) -> list[Revision]:
    """What `downgrade` would take back."""
    found: list[Revision] = []
    with Steps(APP, tell).explained():
        environment = Environment(app, connection.engine.url)

        def work(heads: Any, context: MigrationContext) -> Iterable[RevisionStep]:
            _notice(context, connection, tell)
            found.extend(map(revision_of, environment.script._downgrade_revs(target, heads)))
            return ()

        environment.run(work, connection=connection, dont_mutate=True)
    return found


def standing(app: AppHistory, connection: Connection, tell: Tell) -> Standing:
    """Where the database stands in the app's history, as its env.py sees it."""
    with Steps(APP, tell).explained():
        environment = Environment(app, connection.engine.url)
        seen: list[str] = []

        def work(heads: Any, context: MigrationContext) -> Iterable[RevisionStep]:
            _notice(context, connection, tell)
            seen.extend(heads)
            return ()

        environment.run(work, connection=connection, dont_mutate=True)
        return environment.standing(tuple(sorted(seen)))


def offline_sql(
    app: AppHistory, url: URL, current: tuple[str, ...], apart: Mapping[str, str] | None = None
) -> str:
    """The SQL that would bring a database from `current` to the head.

    `apart` says how far packages were brought by a version table of their own, of which copies of
    their revisions ask.
    """
    steps = Steps(APP, _silent)
    with steps.explained():
        environment = Environment(app, url)
        environment.config.output_buffer = written = StringIO()
        environment.config.attributes[APPLIED] = dict(apart or {})
        environment.run(
            lambda heads, context: steps.upgrade(environment.script, heads, context, guarded=False),
            as_sql=True,
            starting_rev=current,
            destination_rev="head",
        )
    return written.getvalue()


class Environment:
    """The app's Alembic, as its own command would set it up."""

    def __init__(self, app: AppHistory, url: URL) -> None:
        self.config = Config(
            file_=str(app.ini) if app.ini else None,
            toml_file=str(app.pyproject) if app.pyproject else None,
            stdout=sys.stderr,
        )
        self._locate(app.folder)
        self.script = ScriptDirectory.from_config(self.config)
        if self.config.get_main_option("sqlalchemy.url") in (None, "", PLACEHOLDER):
            self._connect_to(url)

    def run(
        self,
        work: Work,
        connection: Connection | None = None,
        sessions: Sessions | None = None,
        **options: Any,
    ) -> None:
        """Run env.py, which is to call `work` for the revisions to apply.

        What it changes goes by connections that `sessions` has made fit.
        """
        self.config.attributes["connection"] = connection
        context = EnvironmentContext(self.config, self.script, fn=work, **options)
        if sessions is not None:
            _governed(context, sessions)
        with _kept_logging(), context:
            self.script.run_env()

    def standing(self, current: tuple[str, ...]) -> Standing:
        """Where a database with these version rows stands."""
        heads = tuple(sorted(self.script.get_heads(consider_depends_on=True)))
        try:
            left = tuple(map(revision_of, self.script._upgrade_revs("heads", _any(current))))
        except CommandError as error:
            if isinstance(error.__cause__, ResolutionError):
                return Standing(APP, "ahead", current, heads)
            raise
        if len(heads) > 1:
            return Standing(APP, "split", current, heads, left)
        return Standing(APP, "pending" if left else "present", current, heads, left)

    def _locate(self, folder: Path) -> None:
        """Relative paths are meant from where alembic is run: mostly, beside its file."""
        sys.path.insert(0, str(folder))
        location = self.config.get_alembic_option("script_location", "")
        if location and not Path(location).exists() and (folder / location).is_dir():
            self.config.set_main_option("script_location", str(folder / location))

    def _connect_to(self, url: URL) -> None:
        text = Path(self.script.env_py_location).read_text("utf-8")
        drivers = ASYNC_DRIVERS if "async_engine" in text else SYNC_DRIVERS
        address = with_driver(parsed(_plain(url)), drivers).render_as_string(hide_password=False)
        self.config.set_main_option("sqlalchemy.url", address.replace("%", "%%"))


def _governed(context: EnvironmentContext, sessions: Sessions) -> None:
    """Whatever env.py says of transactions, each revision gets one of its own.

    By this instance's own attribute: Alembic serves `alembic.context` for that one class only,
    and not for those that inherit from it.
    """
    configure = context.configure

    # Any: the thirty arguments of Alembic's, which are passed on.
    def governed(connection: Connection | None = None, *others: Any, **options: Any) -> None:
        if connection is not None:
            sessions.fit(connection)
            options |= {"transaction_per_migration": True, "transactional_ddl": True}
        configure(connection, *others, **options)

    setattr(context, "configure", governed)  # noqa: B010 - mypy has it that methods stay


def _settle(sessions: Sessions | None, context: MigrationContext) -> None:
    if sessions is not None and context.connection is not None:
        sessions.settle(context.connection)


def _notice(context: MigrationContext, ours: Connection, tell: Tell) -> None:
    used = context.connection
    if used is not None and not same_database(used.engine.url, ours.engine.url):
        shown = used.engine.url.render_as_string(hide_password=True)
        tell(f"warning: env.py uses {shown}, which is not BACKOFFICE_DATABASE_URL\n")


def _plain(url: URL) -> str:
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=False)


@contextmanager
def _kept_logging() -> Iterator[None]:
    """The stock env.py configures logging from alembic.ini: it silences every logger that exists,
    and replaces the handlers of the root. Ours are put back, and Alembic's chatter is left out,
    since each revision is told of anyway."""
    names = [name for name, each in logging.root.manager.loggerDict.items() if _real(each)]
    loggers = [logging.getLogger(), *map(logging.getLogger, names)]
    kept = [(each, each.level, each.handlers[:], each.propagate, each.disabled) for each in loggers]
    chatter = logging.getLogger("alembic.runtime.migration")
    chatter.addFilter(_worth_telling)
    try:
        yield
    finally:
        chatter.removeFilter(_worth_telling)
        for logger, level, handlers, propagate, disabled in kept:
            logger.setLevel(level)
            logger.handlers[:] = handlers
            logger.propagate, logger.disabled = propagate, disabled


def _real(logger: object) -> bool:
    return isinstance(logger, logging.Logger)


def _worth_telling(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


def _any(heads: tuple[str, ...]) -> Any:
    """Alembic's annotation says str where a tuple is passed, by Alembic itself too."""
    return heads


def _silent(_: str) -> None:
    pass
