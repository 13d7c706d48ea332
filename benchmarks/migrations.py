"""What it costs to find that there is nothing to do, beside Alembic and Django.

    python benchmarks/migrations.py [rounds]

SQLite, with 0, 100 and 1,000 revisions of the app's own. Commands are processes of their own, taken
in turn, so that a machine that slows down slows all of them; figures are medians of CPU time,
children included. The look at start-up is made in a running process, as an app makes it.

What each unsafe operation stalls, plain and rewritten: benchmarks/migrations_stalls.py.
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
from backoffice.migrations import AppHistory
from backoffice.migrations.startup import look

BINARIES = Path(sys.executable).parent
HISTORIES = (0, 100, 1000)
LOOKS = 7
MIGRATION = """from django.db import migrations


class Migration(migrations.Migration):
    dependencies = {down}
    operations = []
"""
MANAGE = """import sys

from django.conf import settings
from django.core.management import execute_from_command_line

database = {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db"}
settings.configure(DATABASES={"default": database}, INSTALLED_APPS=["stock"], USE_TZ=True)
execute_from_command_line(sys.argv)
"""
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


def site(folder: Path, count: int) -> Path:
    """A Django project with an app of that many migrations, at their head."""
    (folder / "stock" / "migrations").mkdir(parents=True)
    for package in ("stock", "stock/migrations"):
        (folder / package / "__init__.py").touch()
    (folder / "manage.py").write_text(MANAGE)
    for number in range(count):
        down = f'[("stock", "m{number - 1:04}")]' if number else "[]"
        text = MIGRATION.format(down=down)
        (folder / "stock" / "migrations" / f"m{number:04}.py").write_text(text)
    quiet([sys.executable, "manage.py", "migrate"], folder)
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


def commands(app: Path, django: Path, count: int, rounds: int) -> None:
    """The commands, with nothing to do."""
    variants = {
        "alembic upgrade head": (["alembic", "upgrade", "head"], app),
        "django: manage.py migrate": (["python", "manage.py", "migrate"], django),
        "backoffice migrate up": (["backoffice", "migrate", "up"], app),
        "backoffice migrate status": (["backoffice", "migrate", "status"], app),
        "backoffice --version": (["backoffice", "--version"], app),
    }
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, (arguments, folder) in variants.items():
            taken[name].append(cpu(arguments, folder))
    show(f"as a process, {count} revisions", taken)


async def looks(app: Path, count: int) -> None:
    """The look at start-up, beside Alembic's own command in the same process."""
    url = f"sqlite:///{app}/a.db"
    config = Config(str(app / "alembic.ini"))
    config.set_main_option("sqlalchemy.url", url)
    history = AppHistory(app / "alembic.ini")
    database = Database(url)
    taken: dict[str, list[float]] = {"alembic upgrade head, imported": [], "the look": []}
    for _ in range(LOOKS):
        taken["alembic upgrade head, imported"].append(
            await timed(lambda: asyncio.to_thread(command.upgrade, config, "head"))
        )
        taken["the look"].append(await timed(lambda: look(database, history)))
    await database.close()
    show(f"in a running process, {count} revisions", taken)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    begun = time.process_time()
    await work()
    return (time.process_time() - begun) * 1000


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
            app = project(Path(scratch, f"app_{count}"), count)
            asyncio.run(looks(app, count))
            commands(app, site(Path(scratch, f"django_{count}"), count), count, rounds)


if __name__ == "__main__":
    main()
