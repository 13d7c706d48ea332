"""`backoffice migrate adopt`."""

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

from backoffice.core.command import Command, rehearsed
from backoffice.core.discovery import project_folder
from backoffice.core.errors import Conflict, SetupError
from backoffice.migrations import beginnings
from backoffice.migrations.beginnings import File
from backoffice.migrations.commands.asked import database_url
from backoffice.migrations.commands.init import Folder, Managed, Named
from backoffice.migrations.commands.sync import relative, tell_apart
from backoffice.migrations.histories import installed, ordered
from backoffice.migrations.inventory import Inventory, inventory
from backoffice.migrations.locations import script_folder, version_table
from backoffice.migrations.metadata import find_models
from backoffice.migrations.project import AppHistory, app_history
from backoffice.migrations.scripts import Script, app_scripts, head, is_baseline
from backoffice.migrations.syncing import planned as copies
from backoffice.migrations.syncing import write as write_copies
from backoffice.migrations.users import users_expression

Source = Annotated[
    Literal["database", "models"] | None,
    typer.Option("--from", help="What the baseline is written from, where there is no history."),
]


@dataclass
class Plan:
    """What adopting does: files to make, one to change, and the revision to record."""

    app: AppHistory
    begun: bool = False
    files: list[File] = field(default_factory=list)
    env: Path | None = None
    before: str = ""
    after: str = ""
    stamp: str | None = None


@rehearsed
def adopt(
    context: typer.Context,
    folder: Folder = "migrations",
    models: Named = None,
    source: Source = None,
    managed: Managed = False,
) -> None:
    """Take over a database or an Alembic history as it is: nothing is dropped, or made anew."""
    command = Command.of(context)
    url = database_url(command)
    app = app_history()
    with redirect_stdout(sys.stderr):  # env.py and models may print
        if app is None:
            found = beginnings.planned(
                find_models(command.spec, models or ()), folder, verb="adopt", names=False
            )
            plan = _begun(command, url, found, source, managed)
        else:
            plan = _taken(url, app)
            if not managed:
                tell_apart(command, app, ordered(installed()))
                plan.files += _copied(app)
            _add_filter(command, plan, url)
    _show(command, plan)
    changes = bool(plan.files or plan.env or plan.stamp)
    if changes and not command.dry_run:
        command.confirm("Write these files, and record the revision?")
        _do(plan, url)
    _give(command, plan)
    command.end(changes)


def _begun(
    command: Command,
    url: str,
    found: list[File],
    source: Literal["database", "models"] | None,
    managed: bool,
) -> Plan:
    """A history that begins with what the database holds.

    It is put together elsewhere, and tried, before a file of the project is written.
    """
    from backoffice.migrations.baseline import refers_to_packages

    there = _not_empty(inventory(url))
    last = not managed and refers_to_packages(url)
    project = project_folder()
    with TemporaryDirectory() as folder:
        desk = Path(folder).resolve()
        app = AppHistory(desk / "alembic.ini")
        beginnings.write([_moved(each, project, desk) for each in found])
        copied = _copied(app) if last else []
        beginnings.write(copied)
        baseline = _baseline(command, url, app, there, source, managed)
        if not managed and not last:
            copied = _copied(app)
        made = [_moved(each, desk, project) for each in (baseline, *copied)]
    # Below it are the packages' revisions where it comes last: only running them is right.
    stamp = None if last else _revision(baseline)
    return Plan(AppHistory(found[0].path), True, [*found, *made], stamp=stamp)


def _not_empty(there: Inventory) -> Inventory:
    if there.versions:
        raise Conflict(
            f"the database is at revision {', '.join(there.versions)} of an Alembic history, of "
            "which there are no files here; restore them from your version control",
            code="history_missing",
        )
    if not there.tables:
        raise Conflict(
            "the database has no tables to adopt; `backoffice migrate init` begins a history",
            code="database_empty",
        )
    return there


def _baseline(
    command: Command,
    url: str,
    app: AppHistory,
    there: Inventory,
    source: Literal["database", "models"] | None,
    managed: bool,
) -> File:
    """Of the models, unless what is written from the database comes closer to it."""
    from backoffice.migrations.baseline import difference, made, present
    from backoffice.migrations.guards.scratch import scratch

    live, apart = present(url), ordered(installed()) if managed else ()
    tried: list[tuple[list[str], str, File]] = []
    with scratch(url) as empty:
        for order in [source] if source else ["models", "database"]:
            file = _drafted(url, app, empty, there, order)
            write_copies([file])
            tried.append((difference(live, made(url, app, apart)), order, file))
            file.path.unlink()
            if not tried[-1][0]:
                break
    told, chosen, file = min(tried, key=lambda each: len(each[0]))
    write_copies([file])
    command.say(f"the baseline is written from the {chosen}")
    for each in told:
        command.say(f"warning: a new database will differ: {each}")
    return file


def _drafted(url: str, app: AppHistory, empty: str, there: Inventory, order: str) -> File:
    from backoffice.migrations.baseline import drafted, extensions, guarded, reflected

    draft = drafted(app, empty, reflected(url) if order == "database" else None)
    return File(draft.path, guarded(draft.text, there.tables, extensions(url)))


def _taken(url: str, app: AppHistory) -> Plan:
    """A history that is there: the database stands in it, or is recorded to."""
    from backoffice.migrations.errors import ahead
    from backoffice.migrations.histories import APP
    from backoffice.migrations.runner import status

    scripts = app_scripts(app)
    head(scripts)  # one at most
    there = status(url, app, histories=[])[-1]
    if there.state == "ahead":
        raise ahead(APP, ", ".join(there.current))
    plan = Plan(app)
    # A baseline of ours tells by itself what a database has already.
    if there.current or any(map(is_baseline, scripts)) or not inventory(url).tables:
        return plan
    newest = _own_head(scripts)
    if newest is not None:
        _check_made_so(url, app)
        plan.stamp = newest
    return plan


def _own_head(scripts: Sequence[Script]) -> str | None:
    """The app's last revision: of the copies after it a database tells by itself."""
    own = [each for each in scripts if each.copy_of is None]
    between = {each.id for each in scripts if each.copy_of} & {
        down for each in own for down in each.down
    }
    if between:
        raise Conflict(
            "the database has tables and is at no revision, and your history has revisions after "
            "copies of packages' revisions. Record the revision that it is at by `alembic stamp "
            "REVISION`, then try again",
            code="database_differs",
        )
    return head(own)


def _check_made_so(url: str, app: AppHistory) -> None:
    """Conflict where the database is not what the history makes, though it is none of its."""
    from backoffice.migrations.baseline import difference, made, present
    from backoffice.migrations.vendored import modes

    histories = modes(app, ordered(installed())).managed
    told = difference(made(url, app, histories), present(url), version_table(app))
    if told:
        raise Conflict(
            "the database has tables and is at no revision, and differs from what your history "
            f"makes: {'; '.join(told[:5])}. Record the revision that it is at by "
            "`alembic stamp REVISION`, then try again",
            code="database_differs",
        )


def _copied(app: AppHistory) -> list[File]:
    known = ordered(installed())
    found = copies(app, known, users_expression(known, app_scripts(app)))
    return [File(each.path, each.text) for each in found]


def _add_filter(command: Command, plan: Plan, url: str) -> None:
    from backoffice.migrations.adoption import BY_HAND, compares, filtered, source

    env = script_folder(plan.app) / "env.py"
    if not compares(plan.app, url):
        return
    plan.before = source(env)
    after = filtered(plan.before)
    if after is None:
        command.say(f"warning: {relative(env)} cannot be changed by itself; {BY_HAND}")
    elif after != plan.before:
        plan.env, plan.after = env, after


def _show(command: Command, plan: Plan) -> None:
    for each in plan.files:
        command.say(f"new file: {relative(each.path)}")
    if plan.env is not None:
        from backoffice.migrations.adoption import diff

        command.say(diff(Path(relative(plan.env)), plan.before, plan.after))
    if plan.stamp is not None:
        command.say(f"recorded as applied, and not run: {plan.stamp}")


def _do(plan: Plan, url: str) -> None:
    if plan.begun:
        beginnings.write(plan.files)
    else:
        write_copies(plan.files)
    if plan.env is not None:
        from backoffice.migrations.adoption import rewrite

        rewrite(plan.env, plan.after)
    if plan.stamp is not None:
        from backoffice.migrations.stamping import stamp

        stamp(url, plan.app, plan.stamp)


def _give(command: Command, plan: Plan) -> None:
    paths = [relative(each.path) for each in plan.files]
    changed = [relative(plan.env)] if plan.env is not None else []
    data = {"written": paths, "changed": changed, "recorded": plan.stamp}
    lines = [*paths, *changed] or ["there is nothing to adopt: the history is taken as it is"]
    command.give(data, "\n".join(lines))
    if not command.dry_run:
        command.say("read and commit them; `backoffice migrate up` applies what is pending")


def _moved(file: File, old: Path, new: Path) -> File:
    resolved = file.path.resolve()
    return replace(file, path=new / resolved.relative_to(old.resolve()))


def _revision(file: File) -> str:
    from backoffice.migrations.scripts import parsed_script

    script = parsed_script(file.path, file.text)
    if script is None:
        raise SetupError("script.py.mako gives no revision")
    return script.id
