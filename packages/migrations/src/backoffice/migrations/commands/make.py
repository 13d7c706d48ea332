"""`backoffice migrate make`: write the next revision."""

import sys
from contextlib import redirect_stdout
from typing import Annotated, Any

import typer

from backoffice.core import streams
from backoffice.core.command import Command, rehearsed
from backoffice.core.errors import InvalidInput, SetupError
from backoffice.core.tables import printable
from backoffice.migrations.commands.asked import database_url, teller
from backoffice.migrations.project import AppHistory, app_history

ALIKE = "nothing to write: the database has what the models have"


@rehearsed
def make(
    context: typer.Context,
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="What the revision is for.")
    ] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Compare nothing: write one to fill in by hand.")
    ] = False,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename",
            metavar="OLD:NEW",
            help="A table renamed; table.old:new for a column, type.old:new for an enum's value.",
        ),
    ] = None,
    no_renames: Annotated[
        bool, typer.Option("--no-renames", help="Nothing was renamed but what --rename says.")
    ] = False,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Leave operations that lock a table as Alembic writes them."),
    ] = False,
    backfill: Annotated[
        list[str] | None,
        typer.Option(
            "--backfill",
            metavar="TABLE.COLUMN=SQL",
            help="What the rows that are there get in a column that must have a value.",
        ),
    ] = None,
) -> None:
    """Write the revision that brings the database to the models, once it is at the head."""
    command = Command.of(context)
    if empty and (rename or backfill or no_renames):
        raise InvalidInput("--empty compares nothing: leave --rename and --backfill out")
    from backoffice.migrations.drafts import draft, wishes

    app, url = _history(), database_url(command)
    said = wishes.Wishes(
        wishes.renames(rename or ()),
        wishes.backfills(backfill or ()),
        guess=not no_renames,
        ask=_asker(command),
    )
    with redirect_stdout(sys.stderr):  # an env.py may print; stdout holds the answer only
        made = (
            draft.empty(app, url, message=message)
            if empty
            else draft.compared(
                app,
                url,
                said,
                message=message,
                spec=command.spec,
                plain=plain,
                tell=teller(command),
            )
        )
        if made is not None and not command.dry_run:
            made.write()
    _give(command, made)
    command.end(made is not None)


def _history() -> AppHistory:
    app = app_history()
    if app is None:
        raise SetupError(
            "there is no history here to add to: `backoffice migrate init` makes one",
            code="no_history",
        )
    return app


def _asker(command: Command) -> Any:
    def ask(question: str) -> bool | None:
        if command.yes or not streams.somebody_there():
            return None
        streams.tell(f"{printable(question)} [y/N]: ", nl=False)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    return ask


def _give(command: Command, made: Any) -> None:
    if made is None:
        command.give({"file": None}, ALIKE)
        return
    for each in made.operations:
        command.say(each)
    for each in made.warnings:
        command.say(f"warning: {each}")
    data = {
        "file": str(made.path),
        "revision": made.revision,
        "message": made.message,
        "operations": made.operations,
        "warnings": made.warnings,
    }
    if command.dry_run:
        data["text"] = made.text
    command.give(data, made.text if command.dry_run else str(made.path))
