"""What `backoffice migrate lint` judges, for which database, and how it answers."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from backoffice.core import streams
from backoffice.core.command import Command
from backoffice.core.discovery import project_folder
from backoffice.core.errors import InvalidInput, SetupError
from backoffice.migrations.commands.asked import database_url, teller
from backoffice.migrations.histories import installed, ordered
from backoffice.migrations.lint import selection
from backoffice.migrations.lint.aim import Aim
from backoffice.migrations.lint.findings import LEVELS, Finding, gravest
from backoffice.migrations.lint.linting import Linted, lint
from backoffice.migrations.lint.reports import as_rows, as_sarif, as_text, summary
from backoffice.migrations.lint.selection import Selection
from backoffice.migrations.project import AppHistory
from backoffice.migrations.runner import status
from backoffice.migrations.vendored import modes


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


def chosen(
    command: Command,
    app: AppHistory | None,
    files: Sequence[Path],
    since: str | None,
    pending: bool,
) -> Selection:
    """The revisions that are meant, of which at most one thing was said."""
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


def give(command: Command, found: Sequence[Linted], *, sarif: bool) -> None:
    """Answer with what was found."""
    folder = project_folder().absolute()
    findings = _findings(found)
    if sarif:
        streams.write(json.dumps(as_sarif(findings, folder), ensure_ascii=False, indent=2))
    else:
        _give(command, as_rows(findings, folder), as_text(findings, folder))
    command.say(summary(findings, len(found)))


# Any: each row as JSON has it.
def _give(command: Command, rows: list[dict[str, Any]], text: str) -> None:
    if command.as_json or text:
        command.give(rows, text)


def fails(found: Sequence[Linted], mildest: str) -> bool:
    """Whether a finding is as grave as `mildest`, a level or `never`."""
    worst = gravest(_findings(found))
    if worst is None or mildest not in LEVELS:
        return False
    return LEVELS.index(worst) >= LEVELS.index(mildest)


def _findings(found: Sequence[Linted]) -> list[Finding]:
    return [finding for each in found for finding in each.findings]


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
