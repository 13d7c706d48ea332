"""The app's own table of users, for copies of revisions that refer to it."""

from collections.abc import Sequence

from sqlalchemy import BigInteger, Integer, SmallInteger
from sqlalchemy.types import TypeEngine

from backoffice.core.errors import SetupError
from backoffice.core.settings import Settings, load
from backoffice.core.user_tables import UserTable, reflected
from backoffice.migrations.connections import file_missing, reading
from backoffice.migrations.copying import USERS, quoted, source
from backoffice.migrations.histories import PackageHistory
from backoffice.migrations.project import adopted_table
from backoffice.migrations.scripts import Script
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.vendored import unsynced


def users_expression(histories: Sequence[PackageHistory], scripts: Sequence[Script]) -> str | None:
    """`("members.id", sa.Integer())`, as the copies name the app's own users; None for none.

    Looks into the database for the key and its type, where a revision to copy asks for it:
    SetupError where the table is not there.
    """
    name = adopted_table(load(MigrationSettings))
    if not name or not any(_asks(each, scripts) for each in histories):
        return None
    key, kind = _reflected(name).reference
    return f"({quoted(key)}, {_generic(kind)})"


def _asks(history: PackageHistory, scripts: Sequence[Script]) -> bool:
    missing = unsynced(scripts, history)
    return any(f"\n{USERS}" in source(history, each.id) for each in missing)


def _reflected(name: str) -> UserTable:
    with reading(load(Settings).database_url.get_secret_value()) as engine:
        if file_missing(engine.url):
            raise SetupError(
                f"there is no database yet to look for the table {name} in, which `user_table` "
                "names: make the app's own tables first"
            )
        with engine.connect() as connection:
            return reflected(connection, name)


def _generic(kind: TypeEngine[object]) -> str:
    """The type as every database has it: a copy runs on the one that it was not made by too."""
    for each in (BigInteger, SmallInteger, Integer):
        if isinstance(kind, each):
            return f"sa.{each.__name__}()"
    return "sa.Uuid()"
