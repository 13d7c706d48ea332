"""Problems of the database that a page answers in words."""

import logging

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from backoffice.admin.constraints import is_unfit
from backoffice.core.database import unavailable

log = logging.getLogger(__name__)

_SILENT = (OperationalError, InterfaceError, PoolTimeoutError)
#: What `refusal_of` knows something about.
ANSWERED = (DataError, OverflowError, IntegrityError, *_SILENT, StatementError)


def refusal_of(error: Exception) -> HTTPException | None:
    """What to tell of it; None for what is a fault of ours."""
    if isinstance(error, DBAPIError | PoolTimeoutError) and (found := unavailable(error)):
        return found
    if isinstance(error, _SILENT):  # a statement that SQLite finds too long, too deep or too odd
        log.error("the database could not do what a page asked for", exc_info=error)
        headers = {"Retry-After": "5"}
        return HTTPException(503, "The database could not do this; try again.", headers)
    if isinstance(error, IntegrityError):
        return HTTPException(409, "Something else refers to this.")
    if is_unfit(error):
        return HTTPException(400, "A value does not fit its column.")
    return None
