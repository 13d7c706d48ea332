"""The first revision of a history that a database had not until now: what it holds already."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData
from sqlalchemy import text as sql

from backoffice.core.errors import SetupError
from backoffice.migrations.autogenerate import of_a_package
from backoffice.migrations.connections import reading
from backoffice.migrations.copying import Code, at_start, function
from backoffice.migrations.drafts.comparison import Comparison
from backoffice.migrations.drafts.draft import Draft, _of
from backoffice.migrations.drafts.wishes import Wishes
from backoffice.migrations.environment import Environment
from backoffice.migrations.guards.rehearsal import rehearsal
from backoffice.migrations.guards.schema import Schema, differences, schema_of
from backoffice.migrations.histories import APP, PackageHistory
from backoffice.migrations.project import AppHistory
from backoffice.migrations.scripts import BASELINE
from backoffice.migrations.steps import Steps

#: As an index says which table it is of.
_ON_A_PACKAGE = re.compile(r"^CREATE (?:UNIQUE )?INDEX .* ON (?:\w+\.)?backoffice_", re.IGNORECASE)
_EXTENSIONS = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname"
_GUARD = """

{said}
_TABLES = {tables}


def _there() -> bool:
    if op.get_context().as_sql:
        return False
    found = _TABLES & set(sa.inspect(op.get_bind()).get_table_names())
    if found and found != _TABLES:
        missing = ", ".join(sorted(_TABLES - found))
        raise RuntimeError(f"the database has some of these tables, but not {{missing}}")
    return bool(found)
"""


def reflected(url: str) -> MetaData:
    """The tables of a database, with those of packages that they refer to."""
    metadata = MetaData()
    with reading(url) as engine, engine.connect() as connection:
        metadata.reflect(connection, only=lambda name, _: not _left_out(name))
    return metadata


def refers_to_packages(url: str) -> bool:
    """Whether one of the app's tables refers to one of a package's."""
    return any(
        of_a_package(key.target_fullname.rpartition(".")[0].rpartition(".")[2])
        for table in reflected(url).tables.values()
        if not of_a_package(table.name)
        for key in table.foreign_keys
    )


def drafted(
    app: AppHistory,
    empty: str,
    metadata: MetaData | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Draft:
    """The revision that makes these tables, or those of the models that env.py imports.

    `empty` is the URL of an empty database of the same kind, to compare with.
    """
    found: list[Draft | None] = []
    with Steps(APP, tell).explained(), reading(empty) as engine, engine.connect() as connection:
        environment = Environment(app, engine.url)

        # Any: the heads are Alembic's, whose annotations fall short of what it passes.
        def work(heads: Any, context: MigrationContext) -> Sequence[Any]:
            if metadata is not None:
                context.opts["target_metadata"] = metadata
            comparison = Comparison(context, Wishes(guess=False), "", app.folder)
            both = comparison.operations(tell)
            found.append(_of(environment, comparison, both, "baseline", heads))
            return ()

        environment.run(work, connection=connection, dont_mutate=True)
    draft = next((each for each in found if each is not None), None)
    if draft is None:
        raise SetupError("there is not one table to begin the history with")
    return draft


def extensions(url: str) -> tuple[str, ...]:
    """Those of PostgreSQL that somebody has added to a database, in order of name."""
    with reading(url) as engine, engine.connect() as connection:
        if connection.dialect.name != "postgresql":
            return ()
        return tuple(connection.scalars(sql(_EXTENSIONS)))


def guarded(text: str, tables: Sequence[str], needed: Sequence[str] = ()) -> str:
    """The same revision, which leaves a database alone that has these tables.

    To any other it adds the extensions that are `needed`.
    """
    code = Code(text)
    adding = [f"op.execute({_creation(each)!r})" for each in needed]
    edits = at_start(code, function(code, "upgrade"), ("if _there():", "    return", *adding))
    names = "".join(f'    "{each}",\n' for each in sorted(tables))
    return code.edited([edits]) + _GUARD.format(said=BASELINE, tables=f"{{\n{names}}}")


def made(url: str, app: AppHistory, managed: Sequence[PackageHistory] = ()) -> Schema:
    """What a history makes of an empty database beside this one."""
    with rehearsal(url, app, managed) as replay:
        replay.up(*replay.revisions())
        with replay.engine.connect() as connection:
            return schema_of(connection)


def present(url: str) -> Schema:
    """What a database holds."""
    with reading(url) as engine, engine.connect() as connection:
        return schema_of(connection)


def difference(wanted: Schema, found: Schema, but: str | None = None) -> list[str]:
    """In words, what tells the second from the first, apart from what is the packages'; `but` is a
    table that is left out too."""
    return differences(_own(wanted, but), _own(found, but))


def _own(schema: Schema, but: str | None) -> Schema:
    return {
        piece: told
        for piece, told in schema.items()
        if not (
            of_a_package(name := piece.partition(" ")[2])
            or name.partition(".")[0] == but
            or _ON_A_PACKAGE.search(told)
        )
    }


def _creation(extension: str) -> str:
    return f'CREATE EXTENSION IF NOT EXISTS "{extension}"'


def _left_out(name: str) -> bool:
    return of_a_package(name) or name == "alembic_version"
