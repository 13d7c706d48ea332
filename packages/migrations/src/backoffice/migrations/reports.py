"""What a page may tell of the migrations: where the database stands, and what is pending.

It changes nothing, and runs no code of the project's within an app that serves: its revisions and
its env.py may import models that the app has not, half of which a request could meet. What has to
run them is found out in a process of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import anyio
from anyio import to_thread

from backoffice.core import BackofficeError, Run, Unavailable
from backoffice.core.checks import Level
from backoffice.core.database import database
from backoffice.core.reports import Report, Reporting, ReportTable
from backoffice.migrations.graph import Node
from backoffice.migrations.histories import Revision, installed, ordered
from backoffice.migrations.locations import version_table
from backoffice.migrations.nodes import nodes_of
from backoffice.migrations.project import app_history
from backoffice.migrations.standings import Standing
from backoffice.migrations.startup import look
from backoffice.migrations.vendored import modes

#: Seconds that judging what is pending may take.
PATIENCE = 60
_COMMAND = (sys.executable, "-c", "from backoffice.core.command import main; main()")
_LINT = ("lint", "--pending", "--fail-on", "never")
_STATES = {
    "present": "At the present",
    "pending": "Behind",
    "ahead": "Ahead of this version of the app",
    "split": "Several heads",
    "unsynced": "A copy is missing",
}
_SUMMARIES: dict[str, str] = {
    "ahead": "The database was changed by a newer version than this. Install that one.",
    "split": "A history has several heads. Join them by `alembic merge heads`.",
    "unsynced": "Your history lacks revisions of a package. Run `backoffice migrate sync`.",
    "pending": "Revisions are pending. Run `backoffice migrate up`.",
    "present": "The database is at the present.",
}
_DONE = {"applied": "Done", "current": "Done, the last one", "pending": "Pending"}


async def report(run: Run, thorough: bool) -> Report:
    """Where each history stands, what is pending, and every revision; raises Unavailable."""
    app, opened = await to_thread.run_sync(app_history), await run.open(database)
    url = opened.url.render_as_string(hide_password=False)
    parts = await to_thread.run_sync(modes, app, ordered(installed()))
    if app is None or (parts.complete and version_table(app) is not None):
        found = await look(opened, app)
    else:  # where it stands only env.py knows
        found = [_standing(each) for each in await _told_by(url, "status")]
    nodes = [node for each in reversed(found) for node in nodes_of(each, parts)]
    states = {each.state for each in found}
    worst = next(each for each in _SUMMARIES if each in states or each == "present")
    is_pending = any(each.pending for each in found if each.state == "pending")
    tables = [_histories(found), _pending(found), _revisions(nodes)]
    if thorough and is_pending:
        tables.insert(2, await _judged(url))
    level: Level = "ok" if worst == "present" else "error"
    more = "Judge what is pending" if is_pending and not thorough else ""
    return Report(level, _SUMMARIES[worst], tables, more)


def _histories(found: Sequence[Standing]) -> ReportTable:
    rows = [
        (
            each.history,
            _STATES[each.state],
            ", ".join(each.current) or "nothing yet",
            ", ".join(each.heads),
            str(len(each.pending)),
        )
        for each in found
    ]
    head = ("History", "State", "Database", "Files", "Pending")
    return ReportTable("Where the database stands", head, rows, "There is no history.")


def _pending(found: Sequence[Standing]) -> ReportTable:
    rows = [
        (
            each.history,
            revision.id,
            revision.doc,
            "May wait until the old version is gone" if revision.may_wait else "Before the app",
        )
        for each in found
        for revision in each.pending
    ]
    head = ("History", "Revision", "What it does", "When")
    return ReportTable("Pending", head, rows, "Nothing is pending.")


def _revisions(nodes: Sequence[Node]) -> ReportTable:
    rows = [(each.history, each.id, each.doc, _DONE[each.state]) for each in nodes]
    head = ("History", "Revision", "What it does", "State")
    return ReportTable("All revisions, the newest first", head, rows)


async def _judged(url: str) -> ReportTable:
    """What `lint` says of what is pending, for this database and its rows."""
    head = ("Level", "Where", "What would happen", "What to do")
    title = "What the pending revisions would do"
    try:
        rows = [
            (each["level"], _where(each["where"]), each["message"], each["safe"])
            for each in await _told_by(url, *_LINT)
            if each["waived"] is None
        ]
    except BackofficeError as error:
        return ReportTable(title, head, (), f"They could not be judged: {error.message}")
    return ReportTable(title, head, rows, "They would hurt nobody.")


# Any: rows as JSON has them.
async def _told_by(url: str, *verb: str) -> list[dict[str, Any]]:
    """What `backoffice migrate` answers about this database; raises BackofficeError."""
    environment = {**os.environ, "BACKOFFICE_DATABASE_URL": url}
    command = [*_COMMAND, "--json", "--quiet", "migrate", *verb]
    try:
        with anyio.fail_after(PATIENCE):
            done = await anyio.run_process(
                command, env=environment, check=False, stdin=subprocess.DEVNULL
            )
    except TimeoutError:
        raise Unavailable(f"it takes longer than {PATIENCE} s") from None
    if done.returncode and not done.stdout:
        raise Unavailable(_told(done.stderr))
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _standing(told: dict[str, Any]) -> Standing:
    return Standing(
        told["history"],
        told["state"],
        tuple(told["current"]),
        tuple(told["heads"]),
        tuple(Revision(**each) for each in told["pending"]),
    )


def _told(stderr: bytes) -> str:
    """The command's own words."""
    last = stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    try:
        return str(json.loads(last)["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return "the command failed; `backoffice migrate` says why"


def _where(where: dict[str, Any]) -> str:
    return f"{where['file']}, line {where['line']}"


#: By the entry point `backoffice.reports`.
reporting: Reporting = Reporting("migrations", "Migrations", "migrations:view", report, "layers")
