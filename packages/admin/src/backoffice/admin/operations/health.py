"""Health as its page shows it: what the app stands on, its versions and disks, what to mend."""

import platform
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from anyio import to_thread
from sqlalchemy import text

from backoffice.core import BackofficeError, Database
from backoffice.core.checks import Finding, examine
from backoffice.core.health import Health, Status, readiness
from backoffice.core.reports import Reporting
from backoffice.core.settings import settings, urls
from backoffice.core.singletons import Run

_GRAVEST_FIRST = ("error", "warning", "ignored", "ok")
_OURS = ("", "-core", "-ratelimit", "-auth", "-migrations", "-admin")
_PACKAGES = (
    *(f"fastapi-backoffice{each}" for each in _OURS),
    *("fastapi", "starlette", "pydantic", "sqlalchemy", "sqlmodel", "alembic", "starlette-admin"),
)
_GIGABYTE = 10**9
#: Of a disk, in percent: with less left than that it is nearly full.
LOW = 10


@dataclass(frozen=True)
class Disk:
    """Where the app writes, and how much room is left there."""

    path: str
    free: str
    total: str
    percent_free: int

    @property
    def is_low(self) -> bool:
        """Whether it is nearly full."""
        return self.percent_free < LOW


@dataclass(frozen=True)
class Verdict:
    """A finding of the doctor; `level` is `ignored` for one that is known and lived with."""

    id: str
    level: str
    message: str
    fix: str


async def readiness_of(run: Run) -> tuple[Status, list[Health]]:
    """The status, and how each part of the app is, what is unwell first."""
    status, found = await (await run.open(readiness)).look(run)
    return status, sorted(found, key=lambda each: (each.well, each.name))


async def facts(run: Run, database: Database) -> Mapping[str, str]:
    """What the app runs on, by name."""
    core = await run.open(settings)
    return {
        "Database": urls.shown(database.url.render_as_string(hide_password=False)),
        "Database server": await _server(database),
        "Redis": "" if core.redis_url is None else urls.shown(core.redis_url.get_secret_value()),
        "Python": platform.python_version(),
        "System": f"{platform.system()} {platform.release()}",
    }


async def _server(database: Database) -> str:
    if database.dialect == "sqlite":
        rows = await database.read(text("SELECT sqlite_version()"))
        return f"SQLite {rows[0][0]}"
    rows = await database.read(text("SHOW server_version"))
    return f"PostgreSQL {rows[0][0]}"


async def versions() -> list[tuple[str, str]]:
    """The packages that matter most, as far as they are installed, ours first."""
    return await to_thread.run_sync(_versions)


def _versions() -> list[tuple[str, str]]:
    found = []
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found.append((name, version(name)))
    return found


async def disks(database: Database) -> list[Disk]:
    """Where the app writes: its folder, and that of its SQLite file."""
    return await to_thread.run_sync(_disks, database)


def _disks(database: Database) -> list[Disk]:
    folders = {Path.cwd()}
    if database.dialect == "sqlite" and database.url.database:
        folders.add(Path(database.url.database).absolute().parent)
    return [_disk(each) for each in sorted(folders) if each.is_dir()]


def _disk(folder: Path) -> Disk:
    usage = shutil.disk_usage(folder)
    percent = 100 * usage.free // usage.total if usage.total else 0
    return Disk(
        str(folder),
        f"{usage.free / _GIGABYTE:.1f} GB",
        f"{usage.total / _GIGABYTE:.1f} GB",
        percent,
    )


async def examined(run: Run, reports: Mapping[str, Reporting]) -> list[Verdict]:
    """What every package finds when it looks the app over, the gravest first.

    What a report tells is taken from there: it is made for an app that serves.
    """
    try:
        ignored = (await run.open(settings)).doctor_ignore
    except BackofficeError:  # a finding says what is wrong with the settings
        ignored = {}
    found = [_verdict(each, ignored) async for each in examine(run, without=reports)]
    found += [await _reported(run, each) for each in reports.values()]
    return sorted(found, key=lambda each: _GRAVEST_FIRST.index(each.level))


async def _reported(run: Run, reporting: Reporting) -> Verdict:
    try:
        report = await reporting.report(run, False)
    except BackofficeError as error:
        return Verdict(reporting.name, "error", error.message, "")
    fix = "" if report.level == "ok" else f"see the page {reporting.label}"
    return Verdict(reporting.name, report.level, report.summary, fix)


def _verdict(finding: Finding, ignored: Mapping[str, str]) -> Verdict:
    reason = None if finding.level == "ok" else ignored.get(finding.id)
    if reason is None:
        return Verdict(finding.id, finding.level, finding.message, finding.fix)
    return Verdict(finding.id, "ignored", finding.message, reason)
