"""Runs the app's history in a temporary database, one revision at a time, through its env.py.

Never anywhere else: it is refused before anything changes where env.py leads to a database that is
not the temporary one.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from sqlalchemy import Engine, event

from backoffice.core.errors import SetupError
from backoffice.core.settings import load
from backoffice.migrations import runner
from backoffice.migrations.connections import migrating, same_database
from backoffice.migrations.environment import Environment
from backoffice.migrations.guards.schema import Schema, schema_of, without
from backoffice.migrations.guards.scratch import scratch
from backoffice.migrations.histories import APP, PackageHistory
from backoffice.migrations.project import AppHistory
from backoffice.migrations.sessions import Sessions
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.steps import Steps

_URL = "BACKOFFICE_DATABASE_URL"


class Rehearsal:
    """The app's history and one temporary database."""

    def __init__(self, app: AppHistory, engine: Engine, limits: MigrationSettings) -> None:
        self.engine = engine
        self._limits = limits
        self._environment = Environment(app, engine.url)
        # Also where alembic.ini names one: an env.py that opens its own comes here as well.
        self._environment._connect_to(engine.url)
        # Nobody else knows this database, so no process uses the older name of a column.
        self._environment.config.attributes["contract"] = "now"
        self._version_table = ""
        self.look(self._know)

    def revisions(self) -> list[str]:
        """All ids, each after those that it stands on."""
        nothing: Any = ()  # Alembic's annotation says str, and it passes tuples itself
        with Steps(APP, _silent).explained():
            steps = self._environment.script._upgrade_revs("heads", nothing)
            return [each.revision.revision for each in steps]

    def up(self, *revisions: str) -> None:
        """Apply these, one after the other."""
        self._run([self._step(MigrationStep.upgrade_from_script, each) for each in revisions])

    def down(self, revision: str) -> None:
        """Take back the one that was applied last."""
        self._run([self._step(MigrationStep.downgrade_from_script, revision)])

    def schema(self) -> Schema:
        """What is in the database by now, but for the version table, which no revision makes."""
        with self.engine.connect() as connection:
            return without(schema_of(connection), self._version_table)

    def look(self, at: Callable[[MigrationContext], None]) -> None:
        """Hand over what env.py has configured; nothing is changed."""

        def work(_: Any, context: MigrationContext) -> Iterable[RevisionStep]:
            self._stay(context)
            at(context)
            return ()

        with Steps(APP, _silent).explained(), self.engine.connect() as connection:
            self._environment.run(work, connection, dont_mutate=True)

    def _know(self, context: MigrationContext) -> None:
        self._version_table = context.version_table

    def _run(self, planned: Sequence[RevisionStep]) -> None:
        with Sessions(self._limits, _silent) as sessions, self.engine.connect() as connection:
            steps = Steps(APP, _silent, sessions)

            def work(_: Any, context: MigrationContext) -> Iterator[RevisionStep]:
                self._stay(context)
                yield from steps.run(planned, context, guarded=True)

            with steps.explained():
                self._environment.run(work, connection, sessions)

    def _step(self, make: Callable[..., RevisionStep], revision: str) -> RevisionStep:
        script = self._environment.script
        return make(script.revision_map, script.get_revision(revision))

    def _stay(self, context: MigrationContext) -> None:
        used = context.connection
        if used is None or not same_database(used.engine.url, self.engine.url):
            raise SetupError(
                "env.py leads to a database of its own, which is not for rehearsals: let it take "
                'config.attributes["connection"], as Alembic\'s cookbook has it, or its URL from '
                f"alembic.ini or {_URL}"
            )


@contextmanager
def rehearsal(
    database_url: str,
    app: AppHistory,
    managed: Sequence[PackageHistory],
    limits: MigrationSettings | None = None,
) -> Iterator[Rehearsal]:
    """The app's history in a temporary database, in which the managed packages' tables are."""
    found = limits or load(MigrationSettings)
    with scratch(database_url) as url, _environment_of(url):
        runner.upgrade(url, histories=managed, settings=found, user_table="")
        with migrating(url, found.lock_timeout) as engine:
            if (
                engine.dialect.name == "sqlite"
            ):  # nothing here outlives the check: no disk is waited for
                event.listen(engine, "connect", _unsafe_but_fast)
            yield Rehearsal(app, engine, found)


@contextmanager
def _environment_of(url: str) -> Iterator[None]:
    """What env.py finds in the environment while it is here."""
    before = os.environ.get(_URL)
    os.environ[_URL] = url
    try:
        yield
    finally:
        os.environ.pop(_URL)
        if before is not None:
            os.environ[_URL] = before


def _unsafe_but_fast(connection: Any, _: object) -> None:
    connection.execute("PRAGMA synchronous = OFF")


def _silent(_: str) -> None:
    pass
