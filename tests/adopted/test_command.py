"""The example as its page has it: the app's own database, the command, the app."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notes.before import PASSWORD
from tests.services.nursery import python

EXAMPLE = Path(__file__).parents[2] / "example_adopted"

COMMAND = ("-c", "from backoffice.core.command import main; main()")

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(database_url: str) -> Run:
    """Runs a program in the example's folder: the exit code, and what it said."""
    environment = {
        **os.environ,
        "BACKOFFICE_DATABASE_URL": database_url,
        "BACKOFFICE_SECRET_KEY": "k" * 32,
    }

    def run(*arguments: str, stdin: str = "") -> tuple[int, Any]:
        done = python(arguments, folder=EXAMPLE, environment=environment, typed=stdin)
        return done.returncode, done.stdout or done.stderr

    return run


def test_the_command_brings_the_tables_and_manages_the_users(run: Run) -> None:
    assert run("-m", "notes.before")[0] == 0
    code, told = run(*COMMAND, "migrate", "up", "--json")
    assert code == 0, told
    code, told = run(*COMMAND, "users", "list", "--json")
    assert code == 0, told
    assert [(each["id"], each["email"]) for each in json.loads(told)] == [
        ("1", "Ann@Example.com"),
        ("2", "bob@example.com"),
    ]
    code, told = run(
        *COMMAND,
        "users",
        "create",
        "eve@example.com",
        "--password-stdin",
        "--json",
        stdin=f"{PASSWORD}\n",
    )
    assert code == 0, told
    assert json.loads(told)["id"] == "3"
    code, told = run(*COMMAND, "keys", "create", "--user", "bob@example.com", "--name", "n")
    assert code == 0, told


def test_without_the_apps_own_tables_it_says_what_to_do(run: Run) -> None:
    code, told = run(*COMMAND, "migrate", "up")
    assert code == 2
    assert "make the app's own tables first" in told
    assert "Traceback" not in told
