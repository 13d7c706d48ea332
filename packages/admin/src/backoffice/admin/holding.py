"""Records that a transaction holds: nobody else changes them until it has ended.

What was read of one while it was held is what the database has, and need not be read again.
"""

from typing import Any

from sqlalchemy import Connection
from sqlalchemy import inspect as inspected
from sqlalchemy.orm import Session

_HELD = "backoffice_admin_held"

#: Model and key to the record; to None until it is read.
Held = dict[tuple[type[Any], str], Any]


def held(session: Session) -> Held:
    """What the present transaction of a session holds."""
    transaction = session.get_transaction()
    kept: tuple[object, Held] | None = session.info.get(_HELD)
    if kept is None or kept[0] is not transaction:
        kept = session.info[_HELD] = (transaction, {})
    return kept[1]


def is_whole(record: Any) -> bool:
    """Whether a record is as it was read: still there, and with nothing to be read anew."""
    state = inspected(record)
    return bool(state.persistent) and not state.expired_attributes


def begin_to_write(connection: Connection) -> None:
    """Python's sqlite3 opens a transaction only at the first write: what was read before it might
    be written by somebody else meanwhile."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite" and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
