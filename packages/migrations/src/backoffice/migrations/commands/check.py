"""`backoffice migrate check`: what a history must hold to, for CI."""

import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from importlib import import_module
from typing import Annotated, Any

import typer

from backoffice.core.command import CHANGES_PENDING, REFUSED, Command
from backoffice.core.errors import Conflict, InvalidInput
from backoffice.migrations.commands.asked import database_url
from backoffice.migrations.guards.faults import CHECKS, Check, Fault
from backoffice.migrations.project import app_history

_NAMES = ", ".join(CHECKS)


def check(
    context: typer.Context,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="CHECK", help=f"One of: {_NAMES}.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="CHECK", help="Leave one out.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="REV", help="Take back none up to this revision."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", metavar="MODULE:FUNCTION", help="Puts rows at each revision."),
    ] = None,
    rows: Annotated[bool, typer.Option(help="Make up rows for tables without any.")] = True,
) -> None:
    """Check the history: one line, packages unchanged, nothing pending, each revision up, down and
    up on rows in a temporary database, models and database alike. Exit codes: 1 a fault, 3 only
    something pending, 5 several heads or a database that is ahead."""
    from backoffice.migrations.guards.examination import Examination

    command = Command.of(context)
    url = database_url(command)
    examination = Examination(
        url,
        app_history(),
        checks=_chosen(only or CHECKS, skip or ()),
        seeds=_loaded(seeds) if seeds else None,
        rows=rows,
        since=since,
    )
    with redirect_stdout(sys.stderr):  # an env.py may print; stdout holds the answer only
        found = examination.faults()
    if command.as_json:
        command.give([asdict(each) for each in found])
    for each in found:
        command.say(f"{'note: ' if each.note else ''}{each}")
    _end([each for each in found if not each.note])


def _chosen(only: Sequence[str], skip: Sequence[str]) -> list[Check]:
    if unknown := {*only, *skip} - set(CHECKS):
        raise InvalidInput(f"there is no check {', '.join(sorted(unknown))}; there are {_NAMES}")
    return [each for each in CHECKS if each in only and each not in skip]


def _loaded(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    sys.path.insert(0, "")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidInput(f"--seeds {name} cannot be imported: {error}") from None
    if not callable(found):
        raise InvalidInput(f"--seeds {name} must be a function of a connection and a revision")
    return found  # type: ignore[no-any-return]  # whatever it takes, it is asked by two


def _end(found: Sequence[Fault]) -> None:
    """A contradiction outweighs a fault, and that what is merely pending."""
    states = {each.state for each in found}
    if states & {"ahead", "split"}:
        raise typer.Exit(Conflict.exit_code)
    if "" in states:
        raise typer.Exit(REFUSED)
    if states:
        raise typer.Exit(CHANGES_PENDING)
