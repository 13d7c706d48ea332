"""`backoffice migrate status`: where the database stands."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict

import typer

from backoffice.core.command import CHANGES_PENDING, Command
from backoffice.core.errors import Conflict
from backoffice.migrations.commands.asked import database_url, teller
from backoffice.migrations.project import app_history
from backoffice.migrations.runner import status
from backoffice.migrations.standings import Standing


def show_status(context: typer.Context) -> None:
    """Show where the database stands in each history; exit code 3 when something is pending."""
    command = Command.of(context)
    found = found_standings(command, database_url(command))
    _give_standings(command, found)
    _end(found)


def found_standings(command: Command, url: str) -> list[Standing]:
    """Where the database stands in each history."""
    with redirect_stdout(sys.stderr):
        return status(url, app_history(), tell=teller(command))


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


def _end(found: Sequence[Standing]) -> None:
    """A contradiction outweighs what is merely pending."""
    states = {standing.state for standing in found}
    if states & {"ahead", "split"}:
        raise typer.Exit(Conflict.exit_code)
    if states & {"pending", "unsynced"}:
        raise typer.Exit(CHANGES_PENDING)
