"""What a database holds of the app, before it has a history here."""

from dataclasses import dataclass

from sqlalchemy import inspect

from backoffice.migrations.autogenerate import of_a_package
from backoffice.migrations.connections import file_missing, reading
from backoffice.migrations.standings import VERSION_TABLE
from backoffice.migrations.standings import versions as version_rows


@dataclass(frozen=True)
class Inventory:
    """The app's own tables, in order of name, and the version rows of an Alembic history."""

    tables: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


def inventory(url: str) -> Inventory:
    """Look into the database; Unavailable where it does not answer."""
    with reading(url) as engine:
        if file_missing(engine.url):
            return Inventory()
        with engine.connect() as connection:
            names = inspect(connection).get_table_names()
            rows = version_rows(connection, [VERSION_TABLE])[VERSION_TABLE]
    own = (each for each in names if not of_a_package(each) and each != VERSION_TABLE)
    return Inventory(tuple(sorted(own)), rows)
