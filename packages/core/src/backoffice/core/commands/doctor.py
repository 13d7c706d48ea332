"""`backoffice doctor`: what every package finds when it looks the app over."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from backoffice.core.checks import Finding, examine
from backoffice.core.command import REFUSED, Command
from backoffice.core.errors import BackofficeError
from backoffice.core.settings import settings
from backoffice.core.singletons import Run

COLUMNS = ("level", "id", "message", "fix")
BY_OPTION = "by --ignore"


def doctor(
    context: typer.Context,
    fail_on: Annotated[str, typer.Option(help="The level that fails: warning or error.")] = "error",
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="ID[=REASON]", help="A finding that fails nothing; may be repeated."),
    ] = None,
) -> None:
    """Look the app over before it goes live, and say what to do about what is found.

    docs/doctor.md has a row for each finding. BACKOFFICE_DOCTOR_IGNORE names those that are known.
    """
    if fail_on not in ("warning", "error"):
        raise typer.BadParameter("--fail-on takes warning or error")
    given = _given(ignore or [])
    command = Command.of(context)

    async def look(run: Run) -> list[dict[str, Any]]:
        ignored = {**await _settled(run), **given}
        return [_row(finding, ignored) async for finding in examine(run)]

    rows = command.run(look)
    _give(command, rows)
    for id in given.keys() - {each["id"] for each in rows}:
        command.say(f"--ignore {id}: there is no such finding here")
    failing = {"error", fail_on}
    if any(each["level"] in failing and each["ignored"] is None for each in rows):
        raise typer.Exit(REFUSED)


def _given(ignore: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in ignore:
        id, _, reason = each.partition("=")
        if not id.strip():
            raise typer.BadParameter("--ignore takes the id of a finding, as auth.links=no mail")
        found[id.strip()] = reason.strip() or BY_OPTION
    return found


async def _settled(run: Run) -> Mapping[str, str]:
    try:
        return (await run.open(settings)).doctor_ignore
    except BackofficeError:  # a finding says what is wrong with the settings
        return {}


def _row(finding: Finding, ignored: Mapping[str, str]) -> dict[str, Any]:
    reason = None if finding.level == "ok" else ignored.get(finding.id)
    return {**asdict(finding), "ignored": reason}


def _give(command: Command, rows: Sequence[dict[str, Any]]) -> None:
    if command.as_json:
        command.give(list(rows))
    else:
        command.give_rows([_shown(each) for each in rows], COLUMNS)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """For people: what is ignored says why, instead of what to do."""
    if row["ignored"] is None:
        return row
    return {**row, "level": "ignored", "fix": f"ignored: {row['ignored']}"}
