"""`backoffice migrate squash`: one revision in the place of many."""

from collections.abc import Sequence
from typing import Annotated

import typer

from backoffice.core.command import Command, rehearsed
from backoffice.core.errors import Conflict, SetupError
from backoffice.migrations.commands.asked import database_url
from backoffice.migrations.commands.standing import found_standings
from backoffice.migrations.histories import APP
from backoffice.migrations.project import AppHistory, app_history
from backoffice.migrations.scripts import ancestors, app_scripts
from backoffice.migrations.squashing import Stretch, render, stretches, unfinished, write
from backoffice.migrations.standings import Standing


@rehearsed
def squash(
    context: typer.Context,
    revision: Annotated[
        str | None, typer.Argument(metavar="REV", help="Up to this one; else, up to the head.")
    ] = None,
) -> None:
    """Make one revision of the app's own up to REV, under its id; shows it first, and asks."""
    command = Command.of(context)
    app = app_history()
    if app is None:
        raise SetupError("there is no history to squash; `backoffice migrate init` begins one")
    _finish(command, app)
    found = stretches(app_scripts(app), revision)
    _check_database(found_standings(command, database_url(command)), app, found)
    for each in found:
        command.say(f"{each.last.path}: {len(each.scripts)} revisions in one, {each.last.id}")
        for gone in each.gone:
            command.say(f"  {gone.path} goes")
    if found:
        command.confirm(
            "Go on? A database that is at one of those in between can then be brought on by a "
            "release before this one only."
        )
    for each in found if not command.dry_run else ():
        write(each, render(each))
    answer = [{"revision": each.last.id, "squashed": _ids(each)} for each in found]
    fewer = sum(len(each.gone) for each in found)
    command.give({"squashed": answer}, f"{fewer} files fewer" if fewer else "nothing to squash")
    command.end(bool(found))


def _ids(stretch: Stretch) -> list[str]:
    return [each.id for each in stretch.gone]


def _finish(command: Command, app: AppHistory) -> None:
    """What a squash that was killed has left."""
    for path in unfinished(app_scripts(app)):
        command.say(f"{path}: squashed already, goes")
        if not command.dry_run:
            path.unlink()


def _check_database(
    found: Sequence[Standing], app: AppHistory, squashed: Sequence[Stretch]
) -> None:
    """Not while the database at hand is at a revision that would be gone."""
    current = next(each.current for each in found if each.history == APP)
    if not current or not squashed:
        return
    applied = ancestors(app_scripts(app), current)
    for each in squashed:
        if each.last.id not in applied and any(script.id in applied for script in each.scripts):
            raise Conflict(
                f"the database is at {', '.join(current)}, before {each.last.id}; run `backoffice "
                "migrate up` first, here and wherever else the app runs",
                code="squash_behind",
            )
