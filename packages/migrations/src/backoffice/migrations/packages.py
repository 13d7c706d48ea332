"""Runs a package's own revisions; they have no env.py, this is it."""

from collections.abc import Callable
from io import StringIO
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Dialect

from backoffice.core import user_tables
from backoffice.core.user_tables import UserTable
from backoffice.migrations.histories import PackageHistory, Revision
from backoffice.migrations.steps import Steps, revision_of


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


def downgrade(connection: Connection, history: PackageHistory, target: str, steps: Steps) -> None:
    """Take a package back to a revision, all in one transaction."""
    with steps.explained():
        script = ScriptDirectory(history.folder)
        _run(
            _context(
                connection,
                history,
                lambda heads, context: steps.run(
                    script._downgrade_revs(target, heads), context, guarded=True
                ),
            )
        )


def undoing(connection: Connection, history: PackageHistory, target: str) -> list[Revision]:
    """What `downgrade` would take back."""
    with Steps(history.name, lambda _: None).explained():
        script = ScriptDirectory(history.folder)
        heads = _context(connection, history, lambda *_: ()).get_current_heads()
        # Alembic's annotation says str where a tuple is passed, by Alembic itself too.
        there: Any = heads
        return [revision_of(each) for each in script._downgrade_revs(target, there)]


def _context(
    connection: Connection, history: PackageHistory, work: Callable[..., Any]
) -> MigrationContext:
    return MigrationContext.configure(
        connection,
        opts={
            "script": ScriptDirectory(history.folder),
            "version_table": history.version_table,
            "transactional_ddl": True,
            "fn": work,
        },
    )


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
