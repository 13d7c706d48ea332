"""The key of a user where another table refers to it: a UUID, or an integer of an adopted table."""

import uuid
from typing import Any

from sqlalchemy import CHAR, Dialect, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType


def read_uuid(text: str) -> uuid.UUID:
    """The UUID that is written so, in the one way to write it; ValueError for any other text."""
    found = uuid.UUID(text)
    if str(found) != text:  # Python takes braces, capitals and urn:uuid: as well
        raise ValueError(text)
    return found


class _Native(UserDefinedType[Any]):
    """SQLAlchemy's own would cast what is given to UUID, and so refuse an integer."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "UUID"


# Any: the columns of one mapped class hold what the app's own table has for a key.
class UserKey(TypeDecorator[Any]):
    """A UUID column, as the tables beside our own `User` have it, that takes integers as well.

    Where a table was adopted, the revisions make columns of its key's type.
    """

    impl = Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """A column that the driver is given the values for as they are."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(_Native())
        return dialect.type_descriptor(CHAR(32))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """SQLite keeps a UUID as SQLAlchemy's own type does: 32 hexadecimal digits."""
        if isinstance(value, uuid.UUID) and dialect.name == "sqlite":
            return value.hex
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """A UUID, or an integer."""
        return uuid.UUID(value) if isinstance(value, str) else value
