"""A revision that runs: tried again while it is blocked, gone on with where it was interrupted."""

from collections.abc import Callable
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep
from sqlalchemy import Connection

from backoffice.migrations.journal import Journal
from backoffice.migrations.patience import Patience

Tell = Callable[[str], None]

#: What a module says of itself whose upgrade() may be run again wherever it was broken off.
REPEATABLE = "repeatable"
#: And one whose downgrade() may.
REPEATABLE_BACK = "repeatable_back"


class Followed:
    """Follows the revisions that one of Alembic's contexts runs."""

    def __init__(
        self,
        history: str,
        context: MigrationContext,
        connection: Connection,
        patience: Patience,
        tell: Tell,
    ) -> None:
        self.journal = Journal(connection, patience)
        self._connection = connection
        self._history = history
        self._context = context
        self._patience = patience
        self._tell = tell
        context.on_version_apply_callbacks = (
            *context.on_version_apply_callbacks,
            self._applied,
        )

    def wrap(self, step: RevisionStep) -> None:
        """Have the revision of a step tried again alone, while it is blocked."""
        body = step.migration_fn
        direction = "up" if step.is_upgrade else "down"

        def run(**options: Any) -> None:
            if self.journal.begin(f"{self._history} {direction} {step.revision.revision}"):
                self._tell("going on from where it was interrupted ... ")
            elif self._repeatable(step.revision.module, back=not step.is_upgrade):
                self.journal.leave()
            while True:
                try:
                    body(**options)
                except Exception as error:
                    if not self._alone or not self._patience.again(error):
                        raise
                else:
                    return
                self._begin_again()

        step.migration_fn = run

    def _repeatable(self, module: object, *, back: bool) -> bool:
        # What it asks of the catalog is asked of PostgreSQL's alone.
        known = self._connection.dialect.name == "postgresql"
        return known and getattr(module, REPEATABLE_BACK if back else REPEATABLE, False) is True

    @property
    def _alone(self) -> bool:
        """Whether its transaction holds no other revision, which would be undone with it."""
        return self._context._transaction_per_migration is True

    def _begin_again(self) -> None:
        if self._connection.in_transaction():
            self._connection.rollback()
        self._context._transaction = self._connection.begin()
        self.journal.restart()

    def _applied(self, **_: Any) -> None:
        self.journal.finish()
        self._patience.renew()
        # After a `commit()` of the revision's own, Alembic still holds the one that has ended, and
        # would leave the version row in one that nobody commits.
        self._context._transaction = self._connection.get_transaction()
