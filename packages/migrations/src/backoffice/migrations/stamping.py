"""Records a revision as applied, without running it."""

from typing import Any

from alembic.runtime.migration import MigrationContext

from backoffice.core.settings import load
from backoffice.migrations.connections import migrating
from backoffice.migrations.environment import Environment
from backoffice.migrations.histories import APP
from backoffice.migrations.locks import migration_lock
from backoffice.migrations.project import AppHistory
from backoffice.migrations.sessions import Sessions
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.steps import Steps


def stamp(url: str, app: AppHistory, revision: str) -> None:
    """Say in the database that it is at this revision of the app's own history."""
    limits = load(MigrationSettings)
    sessions = Sessions(limits, _silent)
    with (
        migrating(url, limits.lock_timeout, sessions.patience) as engine,
        migration_lock(engine, limits.wait, _silent),
        engine.connect() as connection,
        sessions,
        Steps(APP, _silent).explained(),
    ):
        environment = Environment(app, engine.url)

        # Any: the heads and the steps are Alembic's.
        def work(heads: Any, _: MigrationContext) -> Any:
            return environment.script._stamp_revs(revision, heads)

        environment.run(work, connection, sessions, destination_rev=revision)


def _silent(_: str) -> None:
    pass
