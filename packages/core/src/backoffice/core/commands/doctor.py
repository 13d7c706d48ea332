"""`backoffice doctor`: what every package finds when it looks the app over."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from backoffice.core.checks import examine
from backoffice.core.command import REFUSED, Command
from backoffice.core.singletons import Run


def doctor(
    context: typer.Context,
    fail_on: Annotated[str, typer.Option(help="The level that fails: warning or error.")] = "error",
) -> None:
    """Look the app over: settings, database, migrations, accounts, limits."""
    if fail_on not in ("warning", "error"):
        raise typer.BadParameter("--fail-on takes warning or error")
    command = Command.of(context)

    async def look(run: Run) -> list[dict[str, Any]]:
        return [asdict(finding) async for finding in examine(run)]

    findings = command.run(look)
    command.give_rows(findings, ("level", "id", "message", "fix"))
    failing = {"error", fail_on}
    if any(finding["level"] in failing for finding in findings):
        raise typer.Exit(REFUSED)
