"""`backoffice migrate down`: takes revisions back, once it has shown what that does."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Annotated, Any

import typer

from backoffice.core.command import Command, rehearsed
from backoffice.migrations.commands.asked import database_url, teller
from backoffice.migrations.commands.plan import give_plans, planned_on
from backoffice.migrations.histories import Migration, installed, ordered
from backoffice.migrations.project import app_history
from backoffice.migrations.reverting import Destination, downgrade, undoing
from backoffice.migrations.vendored import modes


@rehearsed
def down(
    context: typer.Context,
    revision: Annotated[
        str,
        typer.Argument(
            metavar="REV", help="What to go back to: an id, -N, base, or PACKAGE@ and one of these."
        ),
    ] = "-1",
) -> None:
    """Take back what was applied last, or all above a revision; shows it first, and asks."""
    command = Command.of(context)
    url = database_url(command)
    app = app_history()
    with redirect_stdout(sys.stderr):  # an env.py may print; stdout holds the answer only
        parts = modes(app, ordered(installed()))
        destination = Destination.of(revision, parts, app=app is not None)
        found = undoing(url, destination, app, parts, tell=teller(command))
        planned = planned_on(url, found, parts, "downgrade")
    if command.dry_run:
        give_plans(command, planned)
        command.end(bool(found))
        return
    if not found:
        command.give({"undone": []}, "nothing to undo")
        return
    _show(command, planned)
    command.confirm(_question(found))
    with redirect_stdout(sys.stderr):
        undone = downgrade(url, destination, app, agreed=found, tell=teller(command))
    command.give({"undone": [asdict(each) for each in undone]}, f"undone {len(undone)}")


def _show(command: Command, planned: Sequence[Any]) -> None:
    for each in planned:
        command.say(f"{each.history}: {each.revision} {each.doc}".rstrip())
        for statement in each.statements:
            command.say(f"  {' '.join(statement.sql.split())}")
        if not (each.statements or each.unread):
            command.say("  its downgrade is empty: what it made stays")
        for unread in each.unread:
            command.say(f"  line {unread.line} could not be told beforehand: {unread.reason}")


def _question(found: Sequence[Migration]) -> str:
    ids = ", ".join(each.revision for each in found)
    return f"Undo {ids}? What is in the tables and columns that this drops is lost."
