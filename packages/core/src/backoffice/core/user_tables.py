"""Which table the users are in, for the revisions of packages whose tables refer to them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import CHAR, Connection, Integer, Uuid, inspect
from sqlalchemy.engine import Inspector
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import TypeEngine

from backoffice.core.errors import SetupError

#: The option by which a revision's context tells of the users that the app has adopted: their
#: `reference`, or None where it has none of its own.
OPTION = "backoffice_users"


@dataclass(frozen=True)
class UserTable:
    """A table of users, and its key as the database has it."""

    name: str
    column: str
    key_type: TypeEngine[Any]

    @property
    def reference(self) -> tuple[str, TypeEngine[Any]]:
        """What a foreign key names, and its type."""
        return f"{self.name}.{self.column}", self.key_type


def reflected(connection: Connection, name: str) -> UserTable:
    """The table of that name as it is; SetupError where it is not there, or has no fit key."""
    try:
        return _read(inspect(connection), name)
    except NoSuchTableError:
        raise SetupError(
            f"there is no table {name} yet, which `user_table` names: make the app's own tables "
            "first, then migrate again"
        ) from None


def referred(inspector: Inspector) -> str | None:
    """The name of the table that sessions refer to; None before there are any."""
    if not inspector.has_table("backoffice_session"):
        return None
    keys = inspector.get_foreign_keys("backoffice_session")
    return next((each["referred_table"] for each in keys), None)


def _read(inspector: Inspector, name: str) -> UserTable:
    columns = {each["name"]: each["type"] for each in inspector.get_columns(name)}
    keys = inspector.get_pk_constraint(name)["constrained_columns"]
    kind = columns[keys[0]] if len(keys) == 1 else None
    if kind is None or not (isinstance(kind, Integer | Uuid) or _is_text_of_uuid(kind)):
        raise SetupError(f"the key of the table {name} must be one column, a UUID or an integer")
    return UserTable(name, keys[0], kind)


def _is_text_of_uuid(kind: object) -> bool:
    """As SQLAlchemy keeps a UUID on SQLite."""
    return isinstance(kind, CHAR) and kind.length == 32
