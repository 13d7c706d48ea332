"""`backoffice migrate lint`."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from backoffice.core import streams
from backoffice.core.command import REFUSED, Command, rehearsed
from backoffice.core.discovery import project_folder
from backoffice.core.errors import InvalidInput, SetupError
from backoffice.migrations.commands import fixing
from backoffice.migrations.commands.asked import database_url, teller
from backoffice.migrations.histories import installed, ordered
from backoffice.migrations.lint import selection
from backoffice.migrations.lint.aim import Aim, aim
from backoffice.migrations.lint.findings import LEVELS, Finding, gravest
from backoffice.migrations.lint.linting import Linted, lint
from backoffice.migrations.lint.reports import as_rows, as_sarif, as_text, summary
from backoffice.migrations.lint.selection import Selection
from backoffice.migrations.project import AppHistory, app_history
from backoffice.migrations.runner import status
from backoffice.migrations.vendored import modes


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
    command = Command.of(context)
    app = app_history()
    _check_fix(command, fix=fix, chosen=bool(files) or since is not None or pending)
    chosen = _chosen(command, app, files or (), since, pending)
    aimed = aim(dialect, app, command.say, ask=not offline)
    found = judged(app, chosen, aimed, pending=pending)
    if fix:
        changed = fixing.fix(command, found, project_folder().absolute())
        if command.dry_run:
            command.end(changed)
            return
        found = judged(app, chosen, aimed, pending=pending) if changed else found
    findings = [finding for each in found for finding in each.findings]
    _give(command, findings, sarif=sarif)
    command.say(summary(findings, len(found)))
    if _fails(findings, fail_on):
        raise typer.Exit(REFUSED)


def _check_fix(command: Command, *, fix: bool, chosen: bool) -> None:
    if fix and not chosen:
        raise InvalidInput(
            "say what to fix: FILES, --since or --pending. A revision that every database has is "
            "past fixing"
        )
    if command.dry_run and not fix:
        raise InvalidInput("`migrate lint` changes nothing: leave out --dry-run, or add --fix")


def _fails(findings: list[Finding], fail_on: FailOn) -> bool:
    worst = gravest(findings)
    if fail_on is FailOn.never or worst is None:
        return False
    return LEVELS.index(worst) >= LEVELS.index(fail_on.value)


def judged(
    app: AppHistory | None, chosen: Selection, aimed: Aim, *, pending: bool = False
) -> list[Linted]:
    """The chosen revisions, linted for that database."""
    with _imports(app), redirect_stdout(sys.stderr):
        return lint(
            chosen.files,
            aimed.target,
            wanted=chosen.judged.__contains__,
            known=aimed.live if pending else None,
            live=None if pending else aimed.live,
        )


def _chosen(
    command: Command,
    app: AppHistory | None,
    files: Sequence[Path],
    since: str | None,
    pending: bool,
) -> Selection:
    if sum((bool(files), since is not None, pending)) > 1:
        raise InvalidInput("say one of FILES, --since and --pending")
    if files:
        return selection.named(app, files)
    if pending:
        return _pending(command, app)
    if app is None:
        raise SetupError("there is no history of the app's here; name the files, or --pending")
    return selection.since(app, since) if since is not None else selection.whole(app)


def _pending(command: Command, app: AppHistory | None) -> Selection:
    url = database_url(command)
    with redirect_stdout(sys.stderr):
        found = status(url, app, tell=teller(command))
        managed = modes(app, ordered(installed())).managed
    left = {revision.id for standing in found for revision in standing.pending}
    return selection.pending(app, managed, left)


def _give(command: Command, findings: Sequence[Finding], *, sarif: bool) -> None:
    folder = project_folder().absolute()
    if sarif:
        streams.write(json.dumps(as_sarif(findings, folder), ensure_ascii=False, indent=2))
        return
    data: list[dict[str, Any]] = as_rows(findings, folder)
    text = as_text(findings, folder)
    if command.as_json or text:
        command.give(data, text)


@contextmanager
def _imports(app: AppHistory | None) -> Iterator[None]:
    """Revisions import what `alembic` would find from its folder."""
    before = list(sys.path)
    if app is not None:
        sys.path[:0] = [str(app.folder), str(app.folder / "src")]
    try:
        yield
    finally:
        sys.path[:] = before
