"""`backoffice migrate up`."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Annotated

import typer

from backoffice.core.command import Command, rehearsed
from backoffice.migrations.commands.asked import PRESENT, database_url, teller
from backoffice.migrations.commands.standing import found_standings
from backoffice.migrations.project import app_history
from backoffice.migrations.runner import offline_sql, upgrade
from backoffice.migrations.standings import Standing


@rehearsed
def up(
    context: typer.Context,
    sql: Annotated[bool, typer.Option("--sql", help="Only print the SQL.")] = False,
    contract: Annotated[
        bool,
        typer.Option("--contract", help="No process uses the older name of a renamed column."),
    ] = False,
) -> None:
    """Apply what is pending: the packages' tables first, then the app's own history."""
    command = Command.of(context)
    url = database_url(command)
    if sql:
        with redirect_stdout(sys.stderr):
            written = offline_sql(url, app_history())
        command.give({"sql": written}, written or f"-- {PRESENT}")
    elif command.dry_run:
        _give_pending(command, found_standings(command, url))
    else:
        with redirect_stdout(sys.stderr):  # an env.py may print; stdout holds the answer only
            applied = upgrade(url, app_history(), contract=contract, tell=teller(command))
        told = f"applied {len(applied)}" if applied else PRESENT
        command.give({"applied": [asdict(each) for each in applied]}, told)


def _give_pending(command: Command, found: Sequence[Standing]) -> None:
    left = [
        {"history": standing.history, "revision": each.id, "doc": each.doc}
        for standing in found
        if standing.state != "unsynced"
        for each in standing.pending
    ]
    lines = [f"{each['history']}: {each['revision']} {each['doc']}".rstrip() for each in left]
    command.give({"pending": left}, "\n".join(lines) or PRESENT)
