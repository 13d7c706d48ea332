"""Problems of the database that a page answers in words."""

from sqlalchemy.exc import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from backoffice.admin.constraints import is_unfit

_SILENT = (OperationalError, InterfaceError, PoolTimeoutError)
#: What `refusal_of` knows something about.
ANSWERED = (DataError, OverflowError, IntegrityError, *_SILENT, StatementError)


def refusal_of(error: Exception) -> HTTPException | None:
    """What to tell of it; None for what is a fault of ours."""
    if isinstance(error, _SILENT):
        headers = {"Retry-After": "5"}
        return HTTPException(503, "The database does not answer; try again.", headers)
    if isinstance(error, IntegrityError):
        return HTTPException(409, "Something else refers to this.")
    if is_unfit(error):
        return HTTPException(400, "A value does not fit its column.")
    return None
