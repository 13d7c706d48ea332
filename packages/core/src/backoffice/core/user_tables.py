"""Which table the users are in, for the revisions of packages whose tables refer to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CHAR, Connection, Integer, Uuid, inspect, text
from sqlalchemy.engine import Inspector
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import TypeEngine

from backoffice.core.errors import SetupError

#: The option by which a revision's context tells of the table that the app has adopted: its name,
#: or a UserTable; "" where it has none.
OPTION = "backoffice_user_table"
#: What is kept beside an adopted table; it is there in no other case.
BESIDE = "backoffice_account"
#: What refers to users by the type of their key, what refers to others of these first.
REFERRING = (
    "ticket",
    "link_token",
    "link_request",
    "revocation",
    "api_key",
    "session",
    "user_role",
    "user_permission",
)


@dataclass(frozen=True)
class UserTable:
    """A table of users, and its key as the database has it."""

    name: str
    column: str
    key_type: TypeEngine[Any]
    adopted: bool = True

    @property
    def key(self) -> str:
        """What a foreign key names."""
        return f"{self.name}.{self.column}"


OWN = UserTable("backoffice_user", "id", Uuid(), adopted=False)


# Any: a context is Alembic's, which core does not know.
def declared(context: Any) -> UserTable:
    """The table that the tables now made are to refer to."""
    found: UserTable | str = context.opts.get(OPTION, "")
    if isinstance(found, UserTable):
        return found
    return reflected(context.connection, found) if found else OWN


def present(context: Any) -> UserTable:
    """The table that the tables of before refer to: the database knows best."""
    if context.as_sql:
        return declared(context)
    inspector = inspect(context.connection)
    if not inspector.has_table(BESIDE):
        return OWN
    return _read(inspector, inspector.get_foreign_keys(BESIDE)[0]["referred_table"])


def reflected(connection: Connection, name: str) -> UserTable:
    """The table of that name as it is; SetupError where it is not there, or has no fit key."""
    try:
        return _read(inspect(connection), name)
    except NoSuchTableError:
        raise SetupError(
            f"there is no table {name} yet, which `user_table` names: make the app's own tables "
            "first, then migrate again"
        ) from None


def make_way(context: Any, users: UserTable) -> None:
    """Take away empty tables that refer to other users, as the app's `create_all` makes them.

    ValueError where one of them holds a row: nothing is taken away then.
    """
    connection: Connection = context.connection
    if context.as_sql or not (there := [*_other(inspect(connection), users)]):
        return
    for name in there:
        if connection.execute(text(f"SELECT 1 FROM {name} LIMIT 1")).first():  # noqa: S608
            raise ValueError(
                f"{name} has rows that refer to other users than those of {users.name}; "
                "take user_table away again, or empty it"
            )
    for name in there:
        connection.execute(text(f"DROP TABLE {name}"))


def referred(inspector: Inspector) -> str | None:
    """The name of the table that sessions refer to; None before there are any."""
    if not inspector.has_table("backoffice_session"):
        return None
    keys = inspector.get_foreign_keys("backoffice_session")
    return next((each["referred_table"] for each in keys), None)


def _other(inspector: Inspector, users: UserTable) -> Iterable[str]:
    if not inspector.has_table("backoffice_session"):
        return
    if referred(inspector) != users.name:
        names = (f"backoffice_{each}" for each in REFERRING)
        yield from (each for each in names if inspector.has_table(each))


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
