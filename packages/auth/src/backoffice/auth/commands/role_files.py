"""`backoffice roles plan`, `apply` and `export`: roles as code."""

from pathlib import Path
from typing import Annotated, Any

import typer
from anyio import to_thread

from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.role_files import applying, presentation, writing
from backoffice.auth.role_files.applying import Plan
from backoffice.auth.role_files.documents import Document, Notation, opened
from backoffice.auth.role_files.terms import Terms
from backoffice.auth.services import Services
from backoffice.core import InvalidInput
from backoffice.core.command import CHANGES_PENDING, Command, rehearsed

role_files = typer.Typer()

File = Annotated[str, typer.Argument(help="The file, of TOML or YAML; - reads stdin.")]
Format = Annotated[
    str | None,
    typer.Option("--format", help="toml or yaml; by the file's ending, and toml without one."),
]
Prune = Annotated[
    bool, typer.Option("--prune", help="Roles that the file does not name are deleted.")
]
ROLES = "roles.toml"


@role_files.command("plan")
@rehearsed
def plan(
    context: typer.Context, file: File = ROLES, prune: Prune = False, notation: Format = None
) -> None:
    """Show what `apply` would do; exit code 3 if there is anything. Nothing is written."""
    document = _document(file, notation)

    async def work(services: Services) -> Plan:
        return await applying.plan(services, document, prune=prune)

    found = within_app(context, work, reads=True)
    command = Command.of(context)
    _give(command, found)
    if found.difference.changes:
        raise typer.Exit(CHANGES_PENDING)


@role_files.command("apply")
@rehearsed
def apply(
    context: typer.Context, file: File = ROLES, prune: Prune = False, notation: Format = None
) -> None:
    """Make the database be as the file says: in one transaction, or not at all."""
    document = _document(file, notation)
    command = Command.of(context)

    async def work(services: Services) -> Plan:
        deleted: set[str] = set()
        if prune:
            deleted = (await applying.plan(services, document, prune=True)).deleted
        if deleted:
            asked = f"Delete {presentation.named(deleted)}, and take it from everybody?"
            # Whoever is asked may take a while.
            await to_thread.run_sync(command.confirm, asked)
        return await applying.apply(
            services, document, prune=prune, deleting=deleted, actor=operator()
        )

    done = within_app(context, work)
    changed = bool(done.difference.changes)
    _give(command, done, {"changed": changed, "pending": changed and command.dry_run})
    if changed and not command.dry_run:
        command.say("applied")
    command.end(changed)


@role_files.command("export")
def export(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; stdout without it.")
    ] = None,
    notation: Format = None,
    holders: Annotated[
        bool, typer.Option("--holders", help="Also who holds each role, and direct grants.")
    ] = False,
) -> None:
    """Write the roles as a file that `plan` finds no difference to."""
    written_in = _notation(notation) or ("yaml" if _is_yaml(output) else "toml")

    async def work(services: Services) -> Terms:
        return await applying.export(services, holders=holders)

    found = within_app(context, work, reads=True)
    command = Command.of(context)
    text = writing.text(found, written_in)
    if output is None:
        command.give(writing.data(found), text.rstrip("\n"))
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise InvalidInput(f"{output} cannot be written: {error.strerror}") from None
    command.give(
        {"file": str(output), "roles": len(found.roles)},
        f"{presentation.counted(len(found.roles), 'role')} in {output}",
    )


def _give(command: Command, plan: Plan, more: dict[str, Any] | None = None) -> None:
    for each in presentation.notes(plan.difference):
        command.say(each)
    answer = presentation.data(plan.difference, plan.held_by) | (more or {})
    command.give(answer, presentation.text(plan.difference, plan.held_by))


def _document(file: str, notation: str | None) -> Document:
    return opened(file, _notation(notation))


def _notation(written: str | None) -> Notation | None:
    if written in ("toml", "yaml", None):
        return written  # type: ignore[return-value] # mypy narrows no str to a Literal
    raise typer.BadParameter("--format takes toml or yaml")


def _is_yaml(file: Path | None) -> bool:
    return file is not None and file.suffix in (".yaml", ".yml")
