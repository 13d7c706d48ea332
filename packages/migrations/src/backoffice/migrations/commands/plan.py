"""`backoffice migrate plan`: what `migrate up` would do, before anything."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Annotated, Any

import typer

from backoffice.core import streams
from backoffice.core.command import CHANGES_PENDING, Command
from backoffice.core.settings import load
from backoffice.migrations.commands.asked import PRESENT, database_url
from backoffice.migrations.commands.standing import found_standings
from backoffice.migrations.connections import file_missing, reading
from backoffice.migrations.errors import ahead
from backoffice.migrations.histories import Migration, installed, ordered
from backoffice.migrations.project import adopted_table, app_history
from backoffice.migrations.runner import order
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.squashing import told_of
from backoffice.migrations.standings import Standing
from backoffice.migrations.vendored import Modes, modes


def plan(
    context: typer.Context,
    sql: Annotated[bool, typer.Option("--sql", help="The SQL alone.")] = False,
) -> None:
    """Show the SQL, the locks and the rows touched of what is pending; changes nothing.

    Exit code 3 when something is pending.
    """
    command = Command.of(context)
    url = database_url(command)
    found = found_standings(command, url)
    with redirect_stdout(sys.stderr):  # a revision may print while it is read
        parts = modes(app_history(), ordered(installed()))
        planned = planned_on(url, _pending(found, parts), parts, "upgrade")
    give_plans(command, planned, sql=sql)
    if planned:
        raise typer.Exit(CHANGES_PENDING)


# Any: a Plan; its module loads Alembic, which a group of verbs must not.
def planned_on(url: str, revisions: Sequence[Migration], parts: Modes, direction: Any) -> list[Any]:
    """What these revisions would do to the database."""
    from backoffice.migrations.plans import plans

    with reading(url) as engine:
        if not file_missing(engine.url):
            with engine.connect() as connection:
                return plans(connection, revisions, parts, direction)
    with reading("sqlite://") as engine, engine.connect() as connection:
        return plans(connection, revisions, parts, direction)


def give_plans(command: Command, planned: Sequence[Any], *, sql: bool = False) -> None:
    """Answer with what would be done."""
    if command.as_json:
        command.give([asdict(each) for each in planned])
    else:
        lines = [line for each in planned for line in (_sql(each) if sql else _told(each))]
        streams.write("\n".join(lines) or PRESENT)


def _pending(found: Sequence[Standing], parts: Modes) -> list[Migration]:
    """What `migrate up` would apply, in its order; Conflict for what it would refuse."""
    by_name = {each.history: each for each in found}
    for each in found:
        if each.state == "ahead":
            with told_of(parts.scripts):
                raise ahead(each.history, ", ".join(each.current))
    return [
        Migration(name, revision.id, revision.doc)
        for name in order(parts, adopted_table(load(MigrationSettings)))
        if name in by_name
        for revision in by_name[name].pending
    ]


def _told(planned: Any) -> Iterator[str]:
    """A revision with its statements, each with what it does to tables."""
    yield f"{planned.history}: {planned.revision} {planned.doc}".rstrip()
    if planned.may_wait:
        yield "  -- may wait: refuses as long as the release before may use what it takes away"
    transaction: object = 0
    for each in planned.statements:
        if each.transaction != transaction:
            alone = each.transaction is None
            yield "  -- commits by itself" if alone else "  -- a new transaction"
            transaction = each.transaction
        yield from (f"  {line}" for line in f"{each.sql.strip()};".splitlines())
        yield from (f"    -- {_effect(touched)}" for touched in each.touches)
    if not planned.statements:
        yield "  -- sends nothing to the database"
    for unread in planned.unread:
        yield f"  -- line {unread.line} could not be told beforehand: {unread.reason}"
    yield ""


def _effect(touched: Any) -> str:
    told = [f"{touched.table}: {touched.lock}" if touched.lock != "NONE" else touched.table]
    told += [f"blocks {touched.blocks}"] if touched.blocks else []
    if touched.rows is not None:
        how = [
            name
            for name, so in (
                ("rewritten", touched.rewrite),
                ("changed", touched.changes_rows),
                ("read", touched.scan and not (touched.rewrite or touched.changes_rows)),
            )
            if so
        ]
        told.append(f"{touched.rows} rows {' and '.join(how)}" if how else "no row touched")
    else:
        told.append("new")
    return ", ".join(told)


def _sql(planned: Any) -> Iterator[str]:
    yield f"-- {planned.history}: {planned.revision} {planned.doc}".rstrip()
    yield from (f"{each.sql.strip()};" for each in planned.statements)
    yield ""
