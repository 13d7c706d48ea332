"""What it costs to find that there is nothing to do: ours beside `alembic upgrade head`.

    python benchmarks/migrations.py [rounds]

SQLite. Commands are processes of their own, taken in turn, so that a machine that slows down slows
all of them; figures are medians of CPU time, children included. The look at start-up is made
in a running process, as an app makes it.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

from alembic import command
from alembic.config import Config

from backoffice.core import Database
from backoffice.migrations import PackageHistory, pending, upgrade

BINARIES = Path(sys.executable).parent
HISTORIES = (1, 100, 1000)
LOOKS = 7
REVISION = '''"""Step {number}"""

revision = "stock_{number:04}"
down_revision = {down!r}


def upgrade() -> None:
    pass
'''


def write(folder: Path, count: int) -> None:
    """A line of revisions that do nothing."""
    versions = folder / "versions"
    versions.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        down = f"stock_{number - 1:04}" if number else None
        text = REVISION.format(number=number, down=down)
        (versions / f"stock_{number:04}.py").write_text(text)


def project(folder: Path, count: int) -> Path:
    """An app with the stock `alembic init`, at the head of that many revisions."""
    folder.mkdir()
    quiet([str(BINARIES / "alembic"), "init", "alembic"], folder)
    ini = folder / "alembic.ini"
    text = ini.read_text().replace("driver://user:pass@localhost/dbname", "sqlite:///a.db")
    ini.write_text(text.replace("level = INFO", "level = WARNING"))
    write(folder / "alembic", count)
    quiet([str(BINARIES / "backoffice"), "migrate", "up"], folder)
    return folder


def quiet(arguments: list[str], folder: Path) -> None:
    environment = {**os.environ, "BACKOFFICE_DATABASE_URL": "sqlite:///a.db"}
    subprocess.run(arguments, cwd=folder, env=environment, check=True, capture_output=True)


def cpu(arguments: list[str], folder: Path) -> float:
    """Milliseconds of CPU of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    quiet([str(BINARIES / arguments[0]), *arguments[1:]], folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1000


def commands(scratch: Path, rounds: int) -> None:
    """The commands, with nothing to do."""
    (scratch / "bare").mkdir()
    quiet([str(BINARIES / "backoffice"), "migrate", "up"], scratch / "bare")
    app = project(scratch / "app", 100)
    variants = {
        "alembic upgrade head, 100 revisions": (["alembic", "upgrade", "head"], app),
        "migrate up, packages and 100 revisions of the app": (["backoffice", "migrate", "up"], app),
        "migrate up, packages only": (["backoffice", "migrate", "up"], scratch / "bare"),
        "migrate status, packages only": (["backoffice", "migrate", "status"], scratch / "bare"),
        "backoffice --version": (["backoffice", "--version"], scratch),
    }
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, (arguments, folder) in variants.items():
            taken[name].append(cpu(arguments, folder))
    show("as a process", taken)


async def look(scratch: Path, count: int) -> None:
    """The look at start-up, beside Alembic's own command in the same process."""
    folder = scratch / f"stock_{count}"
    write(folder, count)
    url = f"sqlite:///{folder}/stock.db"
    app = project(scratch / f"app_{count}", count)
    upgrade(url, histories=[PackageHistory("stock", folder)])
    config = Config(str(app / "alembic.ini"))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{app}/a.db")
    database = Database(url)
    taken: dict[str, list[float]] = {"alembic upgrade head, imported": [], "pending()": []}
    for _ in range(LOOKS):
        # A history of its own each time: one that is kept has read its files already.
        fresh = PackageHistory("stock", folder)
        alembic = taken["alembic upgrade head, imported"]
        alembic.append(await timed(lambda: asyncio.to_thread(command.upgrade, config, "head")))
        taken["pending()"].append(await timed(lambda: pending(database, [fresh])))  # noqa: B023
    await database.close()
    show(f"in a running process, {count} revisions", taken)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await work()
    return (time.perf_counter() - begun) * 1000


def show(title: str, taken: dict[str, list[float]]) -> None:
    """Medians, and ratios to the first."""
    first = median(next(iter(taken.values())))
    print(f"\n{title}")
    for name, milliseconds in taken.items():
        print(f"  {name:50} {median(milliseconds):8.1f} ms   x {median(milliseconds) / first:.3f}")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        for count in HISTORIES:
            asyncio.run(look(Path(scratch), count))
        commands(Path(scratch), rounds)


if __name__ == "__main__":
    main()
