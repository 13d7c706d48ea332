"""`backoffice migrate lint`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from backoffice.core.command import REFUSED, Command, rehearsed
from backoffice.core.discovery import project_folder
from backoffice.core.errors import InvalidInput
from backoffice.migrations.project import app_history


class FailOn(StrEnum):
    """From which level on the exit code is 1."""

    error = "error"
    warning = "warning"
    note = "note"
    never = "never"


@rehearsed
def lint_revisions(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILES]...", help="Files or folders.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="REV", help="Only what does not precede it.")
    ] = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Only what the database does not have yet.")
    ] = False,
    dialect: Annotated[
        str | None,
        typer.Option("--dialect", metavar="NAME", help="postgresql, postgresql:16 or sqlite."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the database.")] = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Answer in SARIF 2.1.0.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Rewrite what can be made safe; --dry-run shows how.")
    ] = False,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The mildest level that fails.")
    ] = FailOn.error,
) -> None:
    """Say which migrations would hurt: locks, code that still runs, what is gone for good."""
    # Its rules take a tenth of a second to load, which no other verb should.
    from backoffice.migrations.commands import fixing, judging
    from backoffice.migrations.lint.aim import aim

    command = Command.of(context)
    app = app_history()
    _check_fix(command, fix=fix, chosen=bool(files) or since is not None or pending)
    chosen = judging.chosen(command, app, files or (), since, pending)
    aimed = aim(dialect, app, command.say, ask=not offline)
    found = judging.judged(app, chosen, aimed, pending=pending)
    if fix:
        changed = fixing.fix(command, found, project_folder().absolute())
        if command.dry_run:
            command.end(changed)
            return
        found = judging.judged(app, chosen, aimed, pending=pending) if changed else found
    judging.give(command, found, sarif=sarif)
    if judging.fails(found, fail_on):
        raise typer.Exit(REFUSED)


def _check_fix(command: Command, *, fix: bool, chosen: bool) -> None:
    if fix and not chosen:
        raise InvalidInput(
            "say what to fix: FILES, --since or --pending. A revision that every database has is "
            "past fixing"
        )
    if command.dry_run and not fix:
        raise InvalidInput("`migrate lint` changes nothing: leave out --dry-run, or add --fix")
