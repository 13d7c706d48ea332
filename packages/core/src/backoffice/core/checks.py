"""What `backoffice doctor` looks at: each package brings its own checks by an entry point."""

import logging
from collections.abc import AsyncIterator, Callable, Container, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Literal

from backoffice.core.database import database
from backoffice.core.errors import BackofficeError
from backoffice.core.secret_strength import ENOUGH, bits, weakness
from backoffice.core.settings import Settings, settings, urls
from backoffice.core.settings.survey import survey
from backoffice.core.singletons import Run

log: logging.Logger = logging.getLogger(__name__)

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


async def examine(run: Run, without: Container[str] = ()) -> AsyncIterator[Finding]:
    """Every finding of every installed package, about the app of this run.

    `without` names entry points that are left out: a process that serves cannot do all that a
    command can.
    """
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        if entry.name in without:
            continue
        try:
            check: Check = entry.load()
            async for finding in check(run):
                yield finding
        except BackofficeError as error:
            fix = "mend that first: the rest of it was not looked at"
            yield Finding("core.check", "error", f"{entry.name}: {error.message}", fix)
        except Exception as error:
            log.debug("%s could not be looked at", entry.name, exc_info=True)
            # A driver's message may repeat a row: its type says enough.
            told = f"{entry.name} could not be looked at: {type(error).__name__}"
            yield Finding("core.check", "error", told, "tell whoever maintains it")


async def core_checks(run: Run) -> AsyncIterator[Finding]:
    """Settings, the secret key and the database."""
    for finding in await _settings(run):
        yield finding
    found = await run.open(settings)
    for finding in (*_secret(found), *_previous(found)):
        yield finding
    yield await _database(run)


async def _settings(run: Run) -> list[Finding]:
    found = await survey(run)
    fix = "`backoffice settings show` names every variable"
    wrong = [Finding("core.settings", "error", str(each), fix) for each in found.faults]
    odd = [Finding("core.unknown-setting", "warning", str(each), fix) for each in found.unknown]
    right = Finding("core.settings", "ok", "every variable that is set is known, and can be used")
    return [*wrong, *odd] or [right]


def _secret(found: Settings) -> Iterator[Finding]:
    id, fix = "core.secret-key", "set it to what `backoffice secrets generate` prints"
    if found.secret_key is None:
        yield Finding(id, "error", "BACKOFFICE_SECRET_KEY is not set", fix)
        return
    key = found.secret_key.get_secret_value()
    fix = f"{fix}; BACKOFFICE_PREVIOUS_SECRET_KEYS keeps what the old one signed good for a while"
    yield _judged(id, "BACKOFFICE_SECRET_KEY", key, fix) or Finding(
        id, "ok", "set, and hard to guess"
    )


def _previous(found: Settings) -> Iterator[Finding]:
    id, name = "core.previous-secret-keys", "a key of BACKOFFICE_PREVIOUS_SECRET_KEYS"
    for each in found.previous_secret_keys or ():
        key = each.get_secret_value()
        if finding := _judged(id, name, key, "take it out: what it signed can be forged"):
            yield finding


def _judged(id: str, name: str, key: str, fix: str) -> Finding | None:
    """What is wrong with a key; it is not repeated."""
    if reason := weakness(key):
        return Finding(id, "error", f"{name} {reason}", fix)
    if (worth := bits(key)) < ENOUGH:
        return Finding(id, "warning", f"{name} is worth {worth:.0f} bits, {ENOUGH} are enough", fix)
    return None


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
