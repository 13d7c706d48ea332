"""The frame of the `backoffice` command: finds the app, brings the packages' groups together.

Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 changes
pending, 4 not found, 5 conflict, 6 database or network, 130 Ctrl-C, 141 nobody reads the answer.
"""

import getpass
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated, Any, TypeVar

import anyio
import typer
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError

from backoffice.core import completion, streams
from backoffice.core.arguments import encodable
from backoffice.core.arguments import hoisted as hoisted
from backoffice.core.database import database
from backoffice.core.discovery import find_app
from backoffice.core.errors import BackofficeError, InvalidInput, SetupError
from backoffice.core.logs import configure_logging, settings_secrets
from backoffice.core.progress import Progress
from backoffice.core.redaction import Redacted
from backoffice.core.singletons import Run
from backoffice.core.spans import span_of as span_of
from backoffice.core.tables import printable, printable_lines, table

ENTRY_POINTS = "backoffice.commands"
OWN_VERBS = ("doctor", "completion")
REFUSED, CHANGES_PENDING = 1, 3
#: As of a process that SIGINT has ended: 128 and its number.
INTERRUPTED = 130
EVERYWHERE = "Anywhere: --app, --json, --yes, --dry-run, --quiet, --no-color; `backoffice --help`."
_REHEARSED = "__backoffice_rehearsed__"

T = TypeVar("T")
V = TypeVar("V", bound=Callable[..., Any])
log: logging.Logger = logging.getLogger(__name__)


@dataclass
class Command:
    """What a verb of any group needs: the app, how to answer, and whether anything may change."""

    spec: str | None = None
    as_json: bool = False
    #: Whether what `confirm` asks is answered already.
    yes: bool = False
    #: Whether to show what would be done, and change nothing.
    dry_run: bool = False
    #: Whether stderr is for errors and questions alone.
    quiet: bool = False
    color: bool = True

    @classmethod
    def of(cls, context: typer.Context) -> "Command":
        """The command that this verb was called in; InvalidInput for a --dry-run it cannot heed."""
        found = context.find_root().obj
        command = found if isinstance(found, cls) else cls()
        if command.dry_run and not getattr(context.command.callback, _REHEARSED, False):
            raise InvalidInput(f"`{context.command_path}` has no --dry-run; leave it out")
        return command

    def app(self) -> FastAPI:
        """The app, imported now; SetupError when there is none."""
        return find_app(self.spec)

    def run(self, work: Callable[[Run], Awaitable[T]]) -> T:
        """Do `work` within a run of the app: its singletons open as asked for, close at the end.

        Under --dry-run the database commits nothing of it.
        """

        async def within() -> T:
            async with Run(self.app()) as run:
                if self.dry_run:
                    (await run.open(database)).rehearse()
                return await work(run)

        return anyio.run(within)

    def give(self, data: Any, text: str | None = None) -> None:
        """Print the answer on stdout: `data` as JSON under --json, else `text`.

        Under --dry-run the answer says so.
        """
        self._tell_rehearsal()
        if self.as_json:
            if self.dry_run and isinstance(data, dict):
                data = {**data, "dry_run": True}
            text = json.dumps(data, default=str, ensure_ascii=False)
        streams.write(text if text is not None else str(data))

    def give_rows(self, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
        """Print rows on stdout: JSON under --json, else a table of these columns."""
        if self.as_json:
            self.give(list(rows))
            return
        self._tell_rehearsal()
        head, *lines = table(rows, columns)
        streams.write("\n".join([self.styled(head, bold=True), *lines]))

    def say(self, text: str) -> None:
        """Tell the person at the terminal, on stderr; nothing under --quiet."""
        if not self.quiet:
            streams.tell(printable_lines(text))

    def styled(self, text: str, **style: Any) -> str:
        """The same with typer's style, which a terminal alone is shown; plain with --no-color."""
        return typer.style(text, **style) if self.color else text

    def progress(self, label: str, total: int | None = None) -> Progress:
        """A bar for long work, shown to a person who watches: `with command.progress(...)`."""
        return Progress(label, total, shown=not self.quiet)

    def confirm(self, text: str) -> None:
        """Ask a person whether to go on; ends with 1 where they do not.

        --yes answers it, and --dry-run needs no answer. InvalidInput where nobody can be asked.
        """
        if self.yes or self.dry_run:
            return
        if not streams.somebody_there():
            raise InvalidInput(f"{text} There is no terminal to ask at: add --yes")
        streams.tell(f"{printable(text)} [y/N]: ", nl=False)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            self.say("nothing was changed")
            raise typer.Exit(REFUSED)

    def end(self, changed: bool) -> None:
        """Under --dry-run: exit code 3 where something would change. For verbs of a state."""
        if self.dry_run and changed:
            raise typer.Exit(CHANGES_PENDING)

    def _tell_rehearsal(self) -> None:
        if self.dry_run:
            self.say("nothing was changed: this is what would be done")


def rehearsed(verb: V) -> V:
    """Mark a verb that heeds --dry-run; any other is refused with it, and so changes nothing.

    What is done within `Command.run` by the database alone needs no more; whatever else a verb
    changes, a file or a counter, it leaves as it is while `Command.dry_run`.
    """
    setattr(verb, _REHEARSED, True)
    return verb


def operator() -> str:
    """How the audit log names who is typing: `cli:<name of the account on this machine>`."""
    try:
        return f"cli:{getpass.getuser()}"[:128]
    except (KeyError, OSError):
        return "cli:"


def application(arguments: Sequence[str], *, load: bool = True) -> typer.Typer:
    """The command with its groups; where the arguments name a group, only that one is loaded.

    Several packages may bring verbs to one group, which their entry points name alike. `load` is
    whether their verbs are wanted where no group is named: a shell completes their names alone.
    """
    app = typer.Typer(
        name="backoffice",
        help="The back office of your FastAPI app, from a shell.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    # These import this module: whose own they are is not known before it is whole.
    from backoffice.core.commands.doctor import doctor
    from backoffice.core.commands.secrets import secrets

    app.callback()(_root)
    app.command("doctor")(doctor)
    app.command("completion")(show_completion)
    own = {"secrets": [secrets]}
    groups: dict[str, list[EntryPoint]] = {name: [] for name in own}
    for entry in entry_points(group=ENTRY_POINTS):
        groups.setdefault(entry.name, []).append(entry)
    named = next((each for each in arguments if each in groups or each in OWN_VERBS), None)
    for name in sorted(groups) if named is None else {named} & groups.keys():
        wanted = load or named is not None
        brought = [entry.load() for entry in groups[name]] if wanted else []
        app.add_typer(_joined([*own.get(name, ()), *brought]), name=name)
    return app


def _joined(groups: Sequence[typer.Typer]) -> typer.Typer:
    """One group with the verbs of all; the first says what it is for."""
    if len(groups) == 1 and groups[0].registered_callback is not None:
        return groups[0]  # a verb without others below it
    joined = typer.Typer(no_args_is_help=True)
    for each in groups:
        joined.info.help = joined.info.help or each.info.help
        _tell_everywhere(each)
        joined.add_typer(each)
    return joined


def _tell_everywhere(group: typer.Typer) -> None:
    for verb in group.registered_commands:
        verb.epilog = EVERYWHERE
    for part in group.registered_groups:
        if part.typer_instance is not None:
            _tell_everywhere(part.typer_instance)


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
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: go on.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No talk, only errors.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colors; as NO_COLOR.")] = False,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    color = not (no_color or os.environ.get("NO_COLOR"))
    context.obj = Command(app, as_json, yes, dry_run, quiet, color)


def show_completion(
    context: typer.Context, shell: Annotated[completion.Shell, typer.Argument()]
) -> None:
    """Print what a shell reads to complete this command: `source <(backoffice completion bash)`."""
    script = completion.script(shell)
    Command.of(context).give({"shell": shell, "script": script}, script)


def main() -> None:
    """Run the command; whatever goes wrong is one line on stderr and an exit code."""
    arguments = hoisted(sys.argv[1:])
    streams.open_closed()
    configure_logging(level=logging.CRITICAL)
    streams.take_any_character()
    try:
        if completion.asked():
            application(completion.words(hoisted), load=False)(prog_name="backoffice")
        _check_streams(arguments)
        app = application(arguments)
        # Gives what `typer.Exit` was raised with; what was typed wrongly is raised.
        sys.exit(app(args=arguments, prog_name="backoffice", standalone_mode=False))
    except typer.TyperException as error:
        _tell_usage(arguments, error)
    except typer.Abort:
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BackofficeError as error:
        _refuse(arguments, error.code, error.message, error.exit_code)
    except Exception as error:
        log.debug("unexpected", exc_info=True)
        # A driver's message may repeat a row: its type says enough.
        told = "" if isinstance(error, DBAPIError) else f": {error}"
        masked = Redacted(*settings_secrets()).redacted(told)
        _refuse(arguments, "unexpected", f"{type(error).__name__}{masked}", REFUSED)


def _check_streams(arguments: Sequence[str]) -> None:
    """What is typed can be read, and there is where to answer: a key is shown once."""
    if sys.stdout is None:
        raise SetupError("there is no stdout to answer on; give it >/dev/null")
    for each in arguments:
        if not encodable(each):
            raise InvalidInput(f"{each!r} is not written in UTF-8")


def _tell_usage(arguments: list[str], error: typer.TyperException) -> None:
    """As typer does, with the usage, unless a program reads it."""
    show = getattr(error, "show", None)
    if "--json" not in arguments and show is not None:
        show()
        sys.exit(error.exit_code)
    _refuse(arguments, InvalidInput.code, error.format_message(), error.exit_code)


def _refuse(arguments: list[str], code: str, message: str, exit_code: int) -> None:
    """Under --json the error is JSON too, still on stderr: stdout holds answers only."""
    shown = json.dumps({"error": {"code": code, "message": message}})
    plain = "--no-color" in arguments or os.environ.get("NO_COLOR")
    error = "error:" if plain else typer.style("error:", fg="red")
    streams.tell(shown if "--json" in arguments else f"{error} {printable_lines(message)}")
    sys.exit(exit_code)
