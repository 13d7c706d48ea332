"""The group `backoffice migrate`."""

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Annotated

import typer

from backoffice.core.command import CHANGES_PENDING, Command, rehearsed
from backoffice.core.errors import Conflict
from backoffice.core.settings import Settings, load, urls
from backoffice.migrations.project import app_history
from backoffice.migrations.runner import offline_sql, status, upgrade
from backoffice.migrations.standings import Standing

PRESENT = "already at the present"

migrate = typer.Typer(help="Bring the database to the present.", no_args_is_help=True)


@migrate.command()
@rehearsed
def up(
    context: typer.Context,
    sql: Annotated[bool, typer.Option("--sql", help="Only print the SQL.")] = False,
) -> None:
    """Apply what is pending: the packages' tables first, then the app's own history."""
    command = Command.of(context)
    url = _database(command)
    if sql:
        with redirect_stdout(sys.stderr):
            written = offline_sql(url, app_history())
        command.give({"sql": written}, written or f"-- {PRESENT}")
    elif command.dry_run:
        _give_pending(command, _standings(command, url))
    else:
        with redirect_stdout(sys.stderr):  # an env.py may print; stdout holds the answer only
            applied = upgrade(url, app_history(), tell=_teller(command))
        told = f"applied {len(applied)}" if applied else PRESENT
        command.give({"applied": [asdict(each) for each in applied]}, told)


@migrate.command("status")
def show_status(context: typer.Context) -> None:
    """Show where the database stands in each history; exit code 3 when something is pending."""
    command = Command.of(context)
    found = _standings(command, _database(command))
    _give_standings(command, found)
    _end(found)


@migrate.command()
def check(context: typer.Context) -> None:
    """Exit with 0 when all is at the present, with 3 when something is pending; for CI."""
    command = Command.of(context)
    found = _standings(command, _database(command))
    for standing in found:
        if standing.state != "present":
            command.say(_line(standing))
    _end(found)


def _database(command: Command) -> str:
    url = load(Settings).database_url.get_secret_value()
    command.say(f"database: {urls.shown(url)}")
    return url


def _standings(command: Command, url: str) -> list[Standing]:
    with redirect_stdout(sys.stderr):
        return status(url, app_history(), tell=_teller(command))


def _give_pending(command: Command, found: Sequence[Standing]) -> None:
    left = [
        {"history": standing.history, "revision": each.id, "doc": each.doc}
        for standing in found
        for each in standing.pending
    ]
    lines = [f"{each['history']}: {each['revision']} {each['doc']}".rstrip() for each in left]
    command.give({"pending": left}, "\n".join(lines) or PRESENT)


def _give_standings(command: Command, found: Sequence[Standing]) -> None:
    if command.as_json:
        command.give([asdict(standing) for standing in found])
        return
    rows = [
        {
            "history": standing.history,
            "state": standing.state,
            "current": standing.current,
            "head": standing.heads,
            "pending": str(len(standing.pending)),
        }
        for standing in found
    ]
    command.give_rows(rows, ("history", "state", "current", "head", "pending"))
    for standing in found:
        for each in standing.pending:
            typer.echo(f"  {standing.history}: {each.id} {each.doc}".rstrip())


def _line(standing: Standing) -> str:
    current, heads = (", ".join(ids) or "-" for ids in (standing.current, standing.heads))
    return f"{standing.history}: {standing.state}, at {current}, head {heads}"


def _end(found: Sequence[Standing]) -> None:
    """A contradiction outweighs what is merely pending."""
    states = {standing.state for standing in found}
    if states & {"ahead", "split"}:
        raise typer.Exit(Conflict.exit_code)
    if "pending" in states:
        raise typer.Exit(CHANGES_PENDING)


def _teller(command: Command) -> Callable[[str], None]:
    """What Alembic tells, in pieces of lines."""

    def tell(text: str) -> None:
        if not command.quiet:
            typer.echo(text, err=True, nl=False)

    return tell
