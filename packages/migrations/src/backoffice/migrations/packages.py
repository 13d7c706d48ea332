"""Runs a package's own revisions; they have no env.py, this is it."""

from io import StringIO

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Dialect

from backoffice.core import user_tables
from backoffice.core.user_tables import UserTable
from backoffice.migrations.histories import PackageHistory
from backoffice.migrations.steps import Steps


def upgrade(
    connection: Connection, history: PackageHistory, steps: Steps, users: UserTable | None = None
) -> None:
    """Apply all pending revisions in one transaction: all of them, or none."""
    script = ScriptDirectory(history.folder)
    # Never begun beforehand: Alembic commits only what it has begun itself.
    context = MigrationContext.configure(
        connection,
        opts={
            "script": script,
            "version_table": history.version_table,
            "transactional_ddl": True,
            user_tables.OPTION: users and users.reference,
            "fn": lambda heads, context: steps.upgrade(script, heads, context, guarded=True),
        },
    )
    with steps.explained():
        _run(context)


def offline_sql(
    dialect: Dialect,
    history: PackageHistory,
    current: str | None,
    users: UserTable | None = None,
) -> str:
    """The SQL that would bring a database from `current` to the present."""
    script = ScriptDirectory(history.folder)
    steps = Steps(history.name, lambda _: None)
    written = StringIO()
    context = MigrationContext.configure(
        dialect=dialect,
        opts={
            "script": script,
            "version_table": history.version_table,
            "transactional_ddl": True,
            "as_sql": True,
            user_tables.OPTION: users and users.reference,
            "literal_binds": True,
            "output_buffer": written,
            "starting_rev": current,
            "fn": lambda heads, context: steps.upgrade(script, heads, context, guarded=False),
        },
    )
    with steps.explained():
        _run(context)
    return written.getvalue()


def _run(context: MigrationContext) -> None:
    with context.begin_transaction(), Operations.context(context):
        context.run_migrations()
