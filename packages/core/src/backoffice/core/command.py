"""The frame of the `backoffice` command: finds the app, brings the packages' groups together.

Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 changes
pending, 4 not found, 5 conflict, 6 database or network.
"""

import getpass
import json
import logging
import re
import secrets as random
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated, Any, TypeVar

import anyio
import typer
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError

from backoffice.core.checks import examine
from backoffice.core.discovery import find_app
from backoffice.core.errors import BackofficeError, InvalidInput
from backoffice.core.logs import configure_logging, settings_secrets
from backoffice.core.redaction import Redacted
from backoffice.core.singletons import Run

ENTRY_POINTS = "backoffice.commands"
OWN_GROUPS = ("doctor", "secrets")
REFUSED, CHANGES_PENDING = 1, 3

T = TypeVar("T")
log: logging.Logger = logging.getLogger(__name__)


@dataclass
class Command:
    """What a verb of any group needs: the app, and how to answer."""

    spec: str | None = None
    as_json: bool = False

    @classmethod
    def of(cls, context: typer.Context) -> "Command":
        """The command that this verb was called in."""
        found = context.find_root().obj
        return found if isinstance(found, cls) else cls()

    def app(self) -> FastAPI:
        """The app, imported now; SetupError when there is none."""
        return find_app(self.spec)

    def run(self, work: Callable[[Run], Awaitable[T]]) -> T:
        """Do `work` within a run of the app: its singletons open as asked for, close at the end."""

        async def within() -> T:
            async with Run(self.app()) as run:
                return await work(run)

        return anyio.run(within)

    def give(self, data: Any, text: str | None = None) -> None:
        """Print the answer on stdout: `data` as JSON under --json, else `text`."""
        shown = json.dumps(data, default=str, ensure_ascii=False) if self.as_json else text
        typer.echo(shown if shown is not None else str(data))

    def give_rows(self, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
        """Print rows on stdout: JSON under --json, else a table of these columns."""
        if self.as_json:
            self.give(list(rows))
            return
        table = [[_cell(row.get(column)) for column in columns] for row in rows]
        widths = [max(map(len, column)) for column in zip(columns, *table, strict=True)]
        for line in ([column.upper() for column in columns], *table):
            typer.echo("  ".join(map(str.ljust, line, widths)).rstrip())

    def say(self, text: str) -> None:
        """Tell the person at the terminal, on stderr."""
        typer.echo(text, err=True)


def operator() -> str:
    """How the audit log names who is typing: `cli:<name of the account on this machine>`."""
    try:
        return f"cli:{getpass.getuser()}"[:128]
    except (KeyError, OSError):
        return "cli:"


_SPAN = re.compile(r"([0-9]{1,5})([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def span_of(text: str) -> timedelta:
    """The span of time that `30s`, `30m`, `12h`, `30d` or `8w` says; InvalidInput otherwise."""
    found = _SPAN.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise InvalidInput(f"{text!r} is no span of time; write 30s, 30m, 12h, 30d or 8w")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(str, value)) or "-"
    return str(value)


def application(arguments: Sequence[str]) -> typer.Typer:
    """The command with its groups; where the arguments name a group, only that one is loaded.

    Several packages may bring verbs to one group, which their entry points name alike.
    """
    app = typer.Typer(
        name="backoffice",
        help="The back office of your FastAPI app, from a shell.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    app.command("doctor")(doctor)
    secrets_group = typer.Typer(help="Make and change secrets.", no_args_is_help=True)
    secrets_group.command("generate")(generate)
    own = {"secrets": [secrets_group]}
    groups: dict[str, list[EntryPoint]] = {name: [] for name in own}
    for entry in entry_points(group=ENTRY_POINTS):
        groups.setdefault(entry.name, []).append(entry)
    named = next((each for each in arguments if each in groups or each in OWN_GROUPS), None)
    for name in sorted(groups) if named is None else {named} & groups.keys():
        brought = [entry.load() for entry in groups[name]]
        app.add_typer(_joined([*own.get(name, ()), *brought]), name=name)
    return app


def _joined(groups: Sequence[typer.Typer]) -> typer.Typer:
    """One group with the verbs of all; the first says what it is for."""
    if len(groups) == 1:
        return groups[0]
    joined = typer.Typer(help=groups[0].info.help, no_args_is_help=True)
    for each in groups:
        joined.add_typer(each)
    return joined


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The same arguments with the command's own options in front, wherever they were written."""
    front: list[str] = []
    rest: list[str] = []
    pending = iter(arguments)
    for each in pending:
        if each == "--":
            rest += [each, *pending]
        elif each == "--json" or each.startswith("--app="):
            front.append(each)
        elif each == "--app":
            front += [each, *[value for value in [next(pending, None)] if value is not None]]
        else:
            rest.append(each)
    return front + rest


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"backoffice {version('fastapi-backoffice-core')}")
        raise typer.Exit


def _root(
    context: typer.Context,
    app: Annotated[
        str | None, typer.Option("--app", metavar="MODULE:ATTR", help="The FastAPI app.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.obj = Command(app, as_json)


def generate(
    context: typer.Context,
    size: Annotated[int, typer.Option("--bytes", min=32, max=1024, help="Bytes of chance.")] = 32,
) -> None:
    """Print a new secret, fit for BACKOFFICE_SECRET_KEY."""
    secret = random.token_urlsafe(size)
    Command.of(context).give({"secret": secret}, secret)


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


def main() -> None:
    """Run the command; whatever goes wrong is one line on stderr and an exit code."""
    arguments = hoisted(sys.argv[1:])
    configure_logging(level=logging.CRITICAL)
    try:
        application(arguments)(args=arguments, prog_name="backoffice")
    except BackofficeError as error:
        _refuse(arguments, error.code, error.message, error.exit_code)
    except Exception as error:
        log.debug("unexpected", exc_info=True)
        # A driver's message may repeat a row: its type says enough.
        told = "" if isinstance(error, DBAPIError) else f": {error}"
        masked = Redacted(*settings_secrets()).redacted(told)
        _refuse(arguments, "unexpected", f"{type(error).__name__}{masked}", REFUSED)


def _refuse(arguments: list[str], code: str, message: str, exit_code: int) -> None:
    """Under --json the error is JSON too, still on stderr: stdout holds answers only."""
    shown = json.dumps({"error": {"code": code, "message": message}})
    typer.echo(shown if "--json" in arguments else f"error: {message}", err=True)
    sys.exit(exit_code)
