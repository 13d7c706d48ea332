"""What `backoffice doctor` looks at: each package brings its own checks by an entry point."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Literal

from backoffice.core.database import database
from backoffice.core.errors import BackofficeError
from backoffice.core.settings import Settings, settings, urls
from backoffice.core.settings.survey import survey
from backoffice.core.singletons import Run

ENTRY_POINTS = "backoffice.checks"
Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `fix` says what to do where it is not ok.

    `id` names it for good, as `core.secret-key`: the package, and what was looked at. Each has a
    row in docs/doctor.md.
    """

    id: str
    level: Level
    message: str
    fix: str = ""


Check = Callable[[Run], AsyncIterator[Finding]]


async def examine(run: Run) -> AsyncIterator[Finding]:
    """Every finding of every installed package, about the app of this run."""
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        check: Check = entry.load()
        try:
            async for finding in check(run):
                yield finding
        except BackofficeError as error:
            yield Finding("core.check", "error", f"{entry.name}: {error.message}")


async def core_checks(run: Run) -> AsyncIterator[Finding]:
    """Settings, the secret key and the database."""
    for finding in await _settings(run):
        yield finding
    found = await run.open(settings)
    yield _secret(found)
    yield await _database(run)


async def _settings(run: Run) -> list[Finding]:
    found = await survey(run)
    fix = "`backoffice settings show` names every variable"
    wrong = [Finding("core.settings", "error", str(each), fix) for each in found.faults]
    odd = [Finding("core.unknown-setting", "warning", str(each), fix) for each in found.unknown]
    right = Finding("core.settings", "ok", "every variable that is set is known, and can be used")
    return [*wrong, *odd] or [right]


def _secret(found: Settings) -> Finding:
    if found.secret_key is None:
        return Finding(
            "core.secret-key",
            "error",
            "BACKOFFICE_SECRET_KEY is not set",
            "set it to what `backoffice secrets generate` prints",
        )
    return Finding("core.secret-key", "ok", "set, and long enough")


async def _database(run: Run) -> Finding:
    opened = await run.open(database)
    shown = urls.shown(opened.url.render_as_string(hide_password=False))
    try:
        await opened.ping()
    except BackofficeError as error:
        return Finding(
            "core.database", "error", f"{shown}: {error.message}", "is the server running?"
        )
    return Finding("core.database", "ok", f"{shown} answers")
