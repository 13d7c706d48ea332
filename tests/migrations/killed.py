"""Runs `upgrade` again and again in processes that are killed after their n-th statement.

    python -m tests.migrations.killed URL FOLDER [POINT ...]

For each point: an empty database, a run that is killed there, another that goes on. Prints a line
for each, with what was left in the database; without points, each until one that is never reached.
"""

import itertools
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, event, inspect, text

from backoffice.core.errors import BackofficeError
from backoffice.migrations import AppHistory, environment, upgrade
from tests.migrations.projects import sync_url

KILLED = -signal.SIGKILL
#: Imported here, before the forks.
IMPORTED = environment


def main(url: str, folder: str, *points: str) -> None:
    """Print what each point came to."""
    history = AppHistory(Path(folder, "alembic.ini"))
    for point in map(int, points) if points else itertools.count(1):
        empty(url)
        first = child(url, history, point)
        second = child(url, history, None)
        print(json.dumps({"point": point, "ends": [first, second], **left(url)}), flush=True)
        if first != KILLED:
            return


def child(url: str, history: AppHistory, point: int | None) -> int:
    """The exit code of a process that upgrades, and is killed after so many statements."""
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if point is not None:
        kill_at(point)
    try:
        upgrade(url, history, histories=[])
    except BackofficeError as error:
        print(error.message, flush=True)
        os._exit(1)
    os._exit(0)


def kill_at(point: int) -> None:
    """Before a commit counts as well as after a statement."""
    count = itertools.count(1)

    def die(*_: Any) -> None:
        if next(count) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", die)
    event.listen(Engine, "commit", die)


def empty(url: str) -> None:
    """Remove whatever is in the database."""
    with connected(url) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
            return
    Path(connection.engine.url.database or "").unlink()


def left(url: str) -> dict[str, Any]:
    """The tables with their numbers of rows and their indexes, and where the history stands."""
    with connected(url) as connection:
        seen = inspect(connection)
        tables = sorted(seen.get_table_names())
        rows = {each: connection.scalar(text(f"SELECT count(*) FROM {each}")) for each in tables}
        indexes = sorted(str(each["name"]) for name in tables for each in seen.get_indexes(name))
        version = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return {"rows": rows, "indexes": indexes, "version": version}


def connected(url: str) -> Any:
    engine = create_engine(sync_url(url), poolclass=NullPool)
    return engine.begin()


if __name__ == "__main__":
    main(*sys.argv[1:])
