"""What can go wrong with a migration, each with its exit code.

SetupError (2)       a history cannot be read, or the app's env.py does not run
Conflict (5)         the files and the database contradict: several heads, an unknown revision
Unavailable (6)      the database does not answer, or somebody holds a lock for too long
RevisionFailed (6)   a revision raised, or the database refused what it asked for
RevisionWaits (6)    it is too early for a revision, and others stand on it
"""

from sqlalchemy.exc import InterfaceError, OperationalError

from backoffice.core.errors import BackofficeError, Conflict, Unavailable

# PostgreSQL's SQLSTATEs
LOCK_NOT_AVAILABLE = "55P03"
DEADLOCK_DETECTED = "40P01"


class RevisionFailed(BackofficeError):
    """A revision did not go through; `data` names its `history` and `revision`."""

    code = "revision_failed"
    exit_code = 6


class RevisionWaits(BackofficeError):
    """It is too early for a revision, which changed nothing; `data` names its `history` and
    `revision`, and in `behind` those that stand on it and are needed."""

    code = "revision_waits"
    exit_code = 6


def reason(error: BaseException) -> str:
    """The error in one line: what a driver adds below may hold a row's values."""
    told = str(getattr(error, "orig", None) or error).strip()
    return told.splitlines()[0] if told else type(error).__name__


def unanswered(error: BaseException) -> Unavailable:
    """The database cannot be reached, or refuses us, with the driver's reason."""
    if locked(error):
        return Unavailable(
            "another connection is writing to the database; try again, or wait longer by "
            "BACKOFFICE_MIGRATIONS__LOCK_PATIENCE",
            code="database_locked",
        )
    if isinstance(error, OperationalError | InterfaceError):
        return Unavailable(
            f"the database does not answer: {reason(error)}", code="database_unavailable"
        )
    return Unavailable(f"the database refused: {reason(error)}", code="database_refused")


def locked(error: BaseException) -> bool:
    """Whether the statement waited for a lock until its time was up."""
    return sqlstate(error) == LOCK_NOT_AVAILABLE or str(_cause(error)) in (
        "database is locked",
        "database schema is locked",
    )


def retryable(error: BaseException) -> bool:
    """Whether the same may go through a moment later: others held what it needed."""
    return locked(error) or sqlstate(error) == DEADLOCK_DETECTED


def sqlstate(error: BaseException) -> str | None:
    """What PostgreSQL calls the error; None for one that has no such name."""
    cause = _cause(error)
    found = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    return found if isinstance(found, str) else None


def _cause(error: BaseException) -> BaseException:
    cause = getattr(error, "orig", None)
    return cause if isinstance(cause, BaseException) else error


def ahead(history: str, revision: str) -> Conflict:
    """The database names a revision that the files do not have."""
    return Conflict(
        f"{history}: the database is at revision {revision}, which this version does not have; "
        "install the version that made it, or a newer one. Nothing was changed in this history",
        code="database_ahead",
        history=history,
        revision=revision,
    )


def copies_missing(history: str) -> Conflict:
    """The database got the package's tables by copies of its revisions, which the files lack."""
    return Conflict(
        f"{history}: the database was migrated by an app whose own history has copies of this "
        "package's revisions, and yours has none; restore them from your version control, or "
        "install the version of the app that has them. Nothing was changed for this package",
        code="copies_missing",
        history=history,
    )
