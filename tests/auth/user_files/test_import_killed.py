"""An import that is killed goes on where it was: nothing is lost, and nothing done twice."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from backoffice.core.database import SYNC_DRIVERS, parsed, with_driver
from tests.auth.conftest import APP, create_tables

KILLS, LINES = 3, 4000
#: Each hundredth line is refused: an address that is none, or one that was there.
GOOD = LINES - LINES // 100


def lines() -> str:
    addresses = (
        f"p{number}@example.com" if number % 100 else ("p1@example.com" if number else "nobody")
        for number in range(LINES)
    )
    return "".join(json.dumps({"email": each}) + "\n" for each in addresses)


class Shell:
    """Runs the command as a process of its own."""

    def __init__(self, directory: Path, url: str) -> None:
        self._directory = directory
        self.environment = {
            **os.environ,
            "BACKOFFICE_DATABASE_URL": url,
            "BACKOFFICE_SECRET_KEY": "k" * 32,
        }

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        # Small portions: there are more moments between two of them.
        script = (
            "from backoffice.auth.user_files import portions; portions.LINES = 200; "
            "from backoffice.core.command import main; main()"
        )
        return subprocess.Popen(
            [sys.executable, "-c", script, *arguments, "--json"],
            cwd=self._directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, Any]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return process.returncode, json.loads(out) if out else err


class Watched:
    """How far the import is, by another connection."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(with_driver(parsed(url), SYNC_DRIVERS))

    def line(self) -> int:
        query = text("SELECT coalesce(max(line), 0) FROM backoffice_user_import")
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def close(self) -> None:
        self._engine.dispose()


def test_killed_at_any_moment_it_goes_on_until_each_account_is_there_once(
    database_from_template: Callable[[str, Callable[[str], None]], str], tmp_path: Path
) -> None:
    url = database_from_template("auth", create_tables)
    shell, watched, chance = Shell(tmp_path, url), Watched(url), random.Random()
    (tmp_path / "main.py").write_text(APP)
    (tmp_path / "users.jsonl").write_text(lines())
    arguments = ("users", "import", "users.jsonl", "--report", "report.csv")
    before = 0
    for _ in range(KILLS):
        process = shell.start(*arguments)
        while process.poll() is None and watched.line() <= before:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.communicate()
        assert watched.line() > before
        before = watched.line()
    watched.close()

    code, answer = shell.run(*arguments)
    assert (code, answer["created"], answer["refused"]) == (1, GOOD, LINES - GOOD)
    assert answer["resumed_after"] == before
    refused = [each.split(",") for each in (tmp_path / "report.csv").read_text().splitlines()[1:]]
    assert [int(each[0]) for each in refused] == list(range(1, LINES, 100))
    assert shell.run("audit", "verify")[1]["entries"] == GOOD + 1
