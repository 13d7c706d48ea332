"""`backoffice users import` and `export`: files of accounts."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from anyio import to_thread

from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.services import Services
from backoffice.auth.user_files.columns import Columns
from backoffice.auth.user_files.files import opened_output
from backoffice.auth.user_files.imports import Imported
from backoffice.auth.user_files.reports import opened_report
from backoffice.auth.user_files.sources import STDIN, format_of, opened_source
from backoffice.auth.user_files.terms import Terms
from backoffice.core import InvalidInput
from backoffice.core.command import REFUSED, Command, rehearsed

Format = Annotated[
    Literal["csv", "jsonl"] | None,
    typer.Option("--format", help="Of the file; by its name otherwise."),
]


@rehearsed
def import_users(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="CSV or JSON lines, gzip or not; - is stdin.")],
    form: Format = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="OURS=THEIRS", help="What the file calls a column."),
    ] = None,
    ignored: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="NAME", help="A column to pass by.")
    ] = None,
    existing: Annotated[
        Literal["skip", "update", "refuse"],
        typer.Option("--existing", help="What to do about addresses that have an account."),
    ] = "skip",
    update: Annotated[
        bool, typer.Option("--update", help="The same as --existing update.")
    ] = False,
    allow_superusers: Annotated[
        bool, typer.Option("--allow-superusers", help="Let lines make those who may do all.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write refused lines here, as CSV.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="From the first line, though it was done before.")
    ] = False,
) -> None:
    """Create accounts by a file; run it again to go on where it was stopped.

    Ends with 1 where lines were refused; the others are done.
    """
    command = Command.of(context)
    columns = Columns(_pairs(mapped or ()), ignored or ())
    terms = Terms(
        format_of(file, form), columns, "update" if update else existing, allow_superusers
    )

    with ExitStack() as closing:
        source = closing.enter_context(opened_source(file))
        written = None
        if report is not None:
            opened = opened_report(report, terms.digest(source.digest), dry_run=command.dry_run)
            written = closing.enter_context(opened)
        progress = closing.enter_context(command.progress("importing", source.lines))

        async def work(services: Services) -> Imported:
            return await services.imports.load(
                source,
                terms,
                actor=operator(),
                report=written,
                dry_run=command.dry_run,
                again=again,
                advance=progress.advance,
            )

        found = within_app(context, work)
    _tell(command, found, report)
    if found.counts.refused:
        raise typer.Exit(REFUSED)


def export_users(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help="Where to; - is stdout.")] = STDIN,
    form: Format = None,
    with_hashes: Annotated[
        bool, typer.Option("--with-hashes", help="With the hashes of passwords.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
) -> None:
    """Write every account into a file that `users import` takes; for its owner alone (0600)."""
    command = Command.of(context)
    chosen = format_of(file, form or ("csv" if file == STDIN else None))
    if file == STDIN and with_hashes and sys.stdout.isatty():
        raise InvalidInput("hashes are not shown on a terminal; name a file")

    async def work(services: Services) -> int:
        with opened_output(file, overwrite=overwrite) as write, _progress(command, file) as advance:
            total = 0
            lines = services.exports.lines(chosen, with_hashes=with_hashes, actor=operator())
            async for text, count in lines:
                await to_thread.run_sync(write, text)
                advance(count)
                total += count
            return total

    total = within_app(context, work)
    if file != STDIN:
        command.give({"exported": total, "file": file}, f"{total} exported to {file}")


@contextmanager
def _progress(command: Command, file: str) -> Iterator[Callable[[int], None]]:
    if file == STDIN:
        yield lambda _: None
    else:
        with command.progress("exporting") as progress:
            yield progress.advance


def _pairs(mapped: list[str] | tuple[()]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in mapped:
        ours, sign, theirs = each.partition("=")
        if not sign or not theirs or ours in found:
            raise InvalidInput(f"--map takes OURS=THEIRS, once for each of ours, not {each!r}")
        found[ours] = theirs
    return found


def _tell(command: Command, found: Imported, report: Path | None) -> None:
    counts: dict[str, Any] = asdict(found.counts)
    if found.already:
        command.say("this file was imported before: nothing to do; --again reads it once more")
    elif found.resumed:
        command.say(f"went on after line {found.resumed}")
    if found.counts.refused and report is None:
        command.say("--report FILE tells which lines were refused, and why")
    answer = {**counts, "resumed_after": found.resumed, "already_done": found.already}
    command.give(answer, ", ".join(f"{count} {name}" for name, count in counts.items()))
