"""The way forward through one history: hands Alembic each pending revision, tells of it, and
says what went wrong."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.script.revision import MultipleHeads, ResolutionError
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from backoffice.core.errors import BackofficeError, Conflict, SetupError, Unavailable
from backoffice.migrations.connections import broken_references
from backoffice.migrations.errors import (
    RevisionFailed,
    RevisionWaits,
    ahead,
    reason,
    retryable,
    unanswered,
)
from backoffice.migrations.followed import Followed
from backoffice.migrations.histories import Migration, Revision, first_line
from backoffice.migrations.sessions import Sessions


class Steps:
    """The revisions of one history that are run, one after the other.

    With `sessions` a revision that is blocked is tried again, and one that was interrupted goes
    on from where it was.
    """

    def __init__(
        self, history: str, tell: Callable[[str], None], sessions: Sessions | None = None
    ) -> None:
        self.history = history
        self.applied: list[Migration] = []
        self._running: Revision | None = None
        self._left: list[Revision] = []
        self._tell = tell
        self._sessions = sessions
        self._watching = ExitStack()

    def upgrade(
        self, script: ScriptDirectory, heads: Any, context: MigrationContext, *, guarded: bool
    ) -> Iterator[RevisionStep]:
        """What Alembic is to run from these heads on.

        `guarded` says that the connection does not enforce foreign keys, so that they are
        checked after each revision, in its transaction.
        """
        return self.run(script._upgrade_revs("head", heads), context, guarded=guarded)

    def run(
        self, steps: Iterable[RevisionStep], context: MigrationContext, *, guarded: bool
    ) -> Iterator[RevisionStep]:
        """Have Alembic run these steps, and tell of each."""
        follow = self._followed(context)
        if guarded:
            _check_references(context)
        planned = list(steps)
        self._left = [revision_of(step) for step in planned]
        for step in planned:
            self._running = self._left.pop(0)
            self._tell(f"{self.history}: {self._running.id} {self._running.doc} ... ")
            follow(step)
            yield step
            self._tell("done\n")
            self.applied.append(
                Migration(self.history, self._running.id, self._running.doc),
            )
            self._running = None

    def _followed(self, context: MigrationContext) -> Callable[[RevisionStep], None]:
        if self._sessions is None or context.connection is None or context.as_sql:
            return lambda _: None
        connection, patience = context.connection, self._sessions.patience
        followed = Followed(self.history, context, connection, patience, self._tell)
        self._watching.enter_context(followed.journal.watching())
        return followed.wrap

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Whatever goes wrong within is an error of ours, in one line."""
        try:
            with self._watching:
                yield
        except BackofficeError:
            self._fail()
            raise
        except (Exception, SystemExit) as error:
            if self._running is not None and waits(self._running, error):
                self._tell("waits\n")
                raise waiting(self.history, self._running, self._left, error) from error
            running = self._fail()
            if running is not None:
                raise failed(self.history, running, error) from error
            raise refused(self.history, error) from error

    def _fail(self) -> Revision | None:
        if self._running is not None:
            self._tell("failed\n")
        return self._running


def revision_of(step: RevisionStep) -> Revision:
    """The revision of a step of Alembic's."""
    return Revision(
        step.revision.revision,
        first_line(step.revision.doc),
        may_wait=getattr(step.revision.module, "may_wait", False) is True,
    )


def waits(revision: Revision, error: BaseException) -> bool:
    """Whether a revision that may wait says that it is too early."""
    return revision.may_wait and type(error).__name__ == "Waiting"


def waiting(
    history: str, revision: Revision, left: Sequence[Revision], error: BaseException
) -> RevisionWaits:
    """What to say of it, and of those that stand on it."""
    needed = [each.id for each in left if not each.may_wait]
    behind = f" What comes after it waits as well: {', '.join(needed)}" if needed else ""
    return RevisionWaits(
        f"{history}: {revision.id} waits: {error}.{behind}",
        history=history,
        revision=revision.id,
        behind=needed,
    )


def failed(history: str, revision: Revision, error: BaseException) -> BackofficeError:
    """What to say of a revision that raised."""
    cause = getattr(error, "orig", None) or error
    if retryable(error):
        return Unavailable(
            f"{history}: {revision.id} needs a lock that another connection holds; it was not "
            "applied. Try again, or wait longer by BACKOFFICE_MIGRATIONS__LOCK_PATIENCE",
            code="database_locked",
        )
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return unanswered(error)
    return RevisionFailed(
        f"{history}: {revision.id} failed: {type(cause).__name__}: {reason(error)}",
        history=history,
        revision=revision.id,
    )


def refused(history: str, error: BaseException) -> BackofficeError:
    """What to say when a history could not even be begun."""
    cause = error.__cause__
    if isinstance(cause, MultipleHeads):
        heads = ", ".join(sorted(cause.heads))
        return Conflict(
            f"{history}: the history has several heads ({heads}); join them by "
            "`alembic merge heads`, then try again",
            code="several_heads",
        )
    if isinstance(cause, ResolutionError):
        return ahead(history, cause.argument)
    if isinstance(error, DBAPIError):
        return unanswered(error)
    if isinstance(error, KeyError):
        return SetupError(f"{history}: a revision names {error}, which is not among the files")
    told = reason(error) if isinstance(error, CommandError) else f"{type(error).__name__}: {error}"
    return SetupError(f"{history}: the history cannot be run: {told.splitlines()[0]}")


def _check_references(context: MigrationContext) -> None:
    connection = context.connection
    if connection is None or context.as_sql:
        return
    before = broken_references(connection)

    def check(**_: Any) -> None:
        if broken := broken_references(connection) - before:
            told = ", ".join(f"{child} to {parent}" for child, parent in sorted(broken))
            raise ValueError(f"it leaves rows that refer to nothing: {told}")

    context.on_version_apply_callbacks = (*context.on_version_apply_callbacks, check)
