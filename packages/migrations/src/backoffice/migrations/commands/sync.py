"""`backoffice migrate sync`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from backoffice.core.command import Command, rehearsed
from backoffice.core.errors import Conflict, SetupError
from backoffice.migrations.histories import PackageHistory, installed, ordered
from backoffice.migrations.locations import leaves_packages_out, script_folder
from backoffice.migrations.project import AppHistory, app_history
from backoffice.migrations.scripts import app_scripts
from backoffice.migrations.syncing import (
    Copy,
    ahead,
    apart_words,
    chosen,
    kept_apart,
    planned,
    write,
)
from backoffice.migrations.users import users_expression
from backoffice.migrations.vendored import removed

#: As `alembic init` has it, for a history that is written by hand.
_NOTHING = "target_metadata = None"
SYNCED = "your history holds every revision of the installed packages"


@rehearsed
def sync(
    context: typer.Context,
    packages: Annotated[
        list[str] | None, typer.Argument(metavar="[PACKAGE]...", help="Of these alone.")
    ] = None,
) -> None:
    """Copy the packages' revisions that are missing into your own history, at its end."""
    command = Command.of(context)
    app = app_history()
    if app is None:
        raise SetupError(
            "this app has no Alembic history; `backoffice migrate init` begins one. Without one "
            "the packages' tables need no copies: `backoffice migrate up` makes them"
        )
    known = chosen(ordered(installed()), packages or ())
    tell_apart(command, app, known, packages or ())
    found = planned(app, known, users_expression(known, app_scripts(app)))
    if not command.dry_run:
        write(found)
    tell_mode(command, app, ordered(installed()))
    if found:
        tell_filter(command, app)
    give_copies(command, found, SYNCED)
    command.end(bool(found))


def give_copies(command: Command, found: Sequence[Copy], nothing: str) -> None:
    """Answer with the files, and say what comes next."""
    data = [{**asdict(each), "path": str(each.path)} for each in found]
    for each in data:
        del each["text"]
    lines = [f"{each.package}: {each.revision} -> {relative(each.path)}" for each in found]
    command.give({"copied": data}, "\n".join(lines) or nothing)
    if found and not command.dry_run:
        command.say("read and commit them; `backoffice migrate up` applies them")


def tell_mode(command: Command, app: AppHistory, known: Sequence[PackageHistory]) -> None:
    """Say what is not as one may think, and is right as it is."""
    scripts = app_scripts(app)
    for name in removed(scripts, known):
        command.say(f"{name} is not installed any more; its copies stay part of your history")
    for history in known:
        if later := ahead(scripts, history):
            command.say(
                f"{history.name} {history.version} is older than your history, which has "
                f"{', '.join(later)}; that stays"
            )


def tell_filter(command: Command, app: AppHistory) -> None:
    """Warn of an env.py whose autogenerate takes the packages' tables for dropped."""
    env = script_folder(app) / "env.py"
    text = env.read_text("utf-8", errors="replace") if env.is_file() else ""
    if not leaves_packages_out(text) and _NOTHING not in text:
        command.say(
            f"warning: {relative(env)} does not leave the packages' tables out of autogenerate, "
            "which may take them for dropped; `backoffice migrate adopt` has it do so"
        )


def tell_apart(
    command: Command, app: AppHistory, known: Sequence[PackageHistory], named: Sequence[str] = ()
) -> None:
    """Say which packages are left out of the app's own history; Conflict for one that is named."""
    for name, referring in kept_apart(app_scripts(app), known).items():
        if name in named:
            raise Conflict(apart_words(name, referring), code="kept_apart")
        command.say(apart_words(name, referring))


def relative(path: Path) -> str:
    """The path from the present folder, where it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
