"""Keeps the packages' tables out of what the app's own `alembic revision --autogenerate` sees."""

from collections.abc import Callable
from typing import Any, TypedDict

from backoffice.migrations.histories import VERSION_TABLES

#: Every table of a package is named so, which leaves the rest of the database to the app.
TABLES = ("backoffice_", VERSION_TABLES)

# Any: these are the signatures of Alembic, which is not imported for their sake.
Filter = Callable[..., bool]


class EnvOptions(TypedDict):
    """What `context.configure(...)` takes."""

    include_name: Any
    include_object: Any


def env_options(
    *, include_name: Filter | None = None, include_object: Filter | None = None
) -> EnvOptions:
    """For your env.py: `context.configure(..., **env_options())`.

    Autogenerate then neither drops nor creates the packages' tables and version tables. Filters
    of your own go in here, and are asked about everything else. `include_object` leaves out the
    tables, those of the metadata too; `include_name` spares reading them from the database.
    """

    def named(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "table" and of_a_package(name):
            return False
        return include_name is None or include_name(name, kind, parents)

    def objects(item: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        if kind == "table" and of_a_package(name):
            return False
        return include_object is None or include_object(item, name, kind, reflected, other)

    return {"include_name": named, "include_object": objects}


def of_a_package(table: str | None) -> bool:
    """Whether a table of this name belongs to a package and not to the app."""
    return table is not None and table.startswith(TABLES)
