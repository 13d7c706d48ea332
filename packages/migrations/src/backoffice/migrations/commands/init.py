"""`backoffice migrate init`."""

from typing import Annotated

import typer

from backoffice.core.command import Command, rehearsed
from backoffice.core.discovery import project_folder
from backoffice.core.errors import Conflict, Unavailable
from backoffice.core.settings import load
from backoffice.migrations.beginnings import File, planned, write
from backoffice.migrations.commands.asked import database_url
from backoffice.migrations.commands.sync import relative
from backoffice.migrations.histories import installed, ordered
from backoffice.migrations.inventory import Inventory, inventory
from backoffice.migrations.metadata import find_models
from backoffice.migrations.project import AppHistory, adopted_table, app_history
from backoffice.migrations.settings import MigrationSettings
from backoffice.migrations.syncing import Copy
from backoffice.migrations.syncing import planned as copies
from backoffice.migrations.syncing import write as write_copies

Folder = Annotated[str, typer.Option("--folder", help="Where revisions are to be.")]
Named = Annotated[
    list[str] | None,
    typer.Option("--models", metavar="MODULE:METADATA", help="The metadata of your models."),
]
Managed = Annotated[
    bool, typer.Option("--managed", help="Leave the packages' tables out of your history.")
]


@rehearsed
def init(
    context: typer.Context,
    folder: Folder = "migrations",
    models: Named = None,
    managed: Managed = False,
) -> None:
    """Begin an Alembic history of the app's own, with the packages' tables in it."""
    command = Command.of(context)
    if app_history() is not None:
        raise Conflict(
            "this app has an Alembic history already; `backoffice migrate adopt` takes it as it is",
            code="history_exists",
        )
    _check_empty(command)
    found = planned(find_models(command.spec, models or ()), folder, verb="init", names=True)
    if not command.dry_run:
        write(found)
    made = [] if managed or command.dry_run else copy_packages(command, AppHistory(found[0].path))
    give_files(command, found, made)
    if not command.dry_run:
        command.say("next: `backoffice migrate up`, then `backoffice migrate make`")


def copy_packages(command: Command, app: AppHistory) -> list[Copy]:
    """Write the copies of the packages' revisions; none yet where those refer to the app's own
    users, which have no table before its first revision."""
    if users := adopted_table(load(MigrationSettings)):
        command.say(
            f"the packages' tables refer to {users}: make its revision first, apply it, then run "
            "`backoffice migrate sync`"
        )
        return []
    found = copies(app, ordered(installed()))
    write_copies(found)
    return found


def give_files(command: Command, found: list[File], made: list[Copy]) -> None:
    """Answer with what was written, or would be."""
    paths = [relative(each.path) for each in found] + [relative(each.path) for each in made]
    command.give({"written": paths, "project": str(project_folder())}, "\n".join(paths))


def _check_empty(command: Command) -> None:
    there = look(command)
    if there.versions:
        raise Conflict(
            f"the database is at revision {', '.join(there.versions)} of an Alembic history, of "
            "which there are no files here; restore them from your version control",
            code="history_missing",
        )
    if there.tables:
        raise Conflict(
            f"the database has tables already ({', '.join(there.tables[:5])}); "
            "`backoffice migrate adopt` begins a history with them",
            code="database_not_empty",
        )


def look(command: Command) -> Inventory:
    """What the database holds; nothing, which is told, where it does not answer."""
    url = database_url(command)
    try:
        return inventory(url)
    except Unavailable as error:
        command.say(f"warning: {error.message}; going on as if it were empty")
        return Inventory()
