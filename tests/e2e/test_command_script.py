"""The whole command, driven by a script that has no terminal."""

import contextlib
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main

from backoffice.core.command import application
from tests.e2e.processes import ROOT
from tests.example_app.shop import migrate
from tests.leaks import found_in
from tests.services.databases import Databases, Prepare

COMMAND = Path(sys.executable).with_name("backoffice")
ANN, BOT = "ann@example.com", "bot@example.com"
#: Exit code, words, and what is typed or the name by which later words know the id.
SCRIPT: list[tuple[int, str, dict[str, str]]] = [
    (0, "secrets rotate --dry-run", {}),
    (0, "secrets rotate", {}),
    (0, "migrate status", {}),
    (0, "migrate check", {}),
    (0, "migrate up", {}),
    (0, "migrate up --dry-run", {}),
    (0, "migrate plan", {}),
    (0, "migrate history", {}),
    (0, "migrate lint", {}),
    (0, "migrate make --message nothing --dry-run", {}),
    (3, "migrate sync --dry-run", {}),
    (3, "migrate down -1 --dry-run", {}),
    (3, "migrate squash --dry-run", {}),
    (3, "migrate adopt --dry-run", {}),
    (5, "migrate init", {}),
    (0, f"users create {ANN} --superuser --password-stdin", {"typed": "correct horse battery"}),
    (2, "users create new@example.com", {}),
    (2, "users create new@example.com --password-stdin", {"typed": "short"}),
    (3, f"users ensure {BOT} --service --dry-run", {}),
    (0, f"users ensure {BOT} --service", {"save": "bot"}),
    (0, f"users ensure {BOT} --service", {}),
    (0, f"users ensure {BOT} --service --dry-run", {}),
    (0, "users list --active --search example --limit 1", {}),
    (0, "users show {bot}", {}),
    (4, "users show nobody@example.com", {}),
    (0, f"users update {BOT} --verified", {}),
    (0, f"users deactivate {BOT}", {}),
    (0, f"users activate {BOT}", {}),
    (0, f"users unlock {BOT}", {}),
    (0, f"users set-password {ANN} --generate", {}),
    (5, f"users set-password {BOT} --generate", {}),
    (5, f"users deactivate {ANN}", {}),
    (0, "users export {folder}/users.jsonl", {}),
    (0, "users import {folder}/users.jsonl --allow-superusers --dry-run", {}),
    (0, "roles create clerk --allow books:read", {}),
    (5, "roles create clerk", {}),
    (0, "roles ensure clerk --allow books:read", {}),
    (0, "roles allow clerk books:write", {}),
    (2, "roles allow clerk bokks:read", {}),
    (0, "roles deny clerk books:write", {}),
    (0, "roles create guest", {}),
    (0, "roles include clerk guest", {}),
    (5, "roles include guest clerk", {}),
    (0, "roles exclude clerk guest", {}),
    (0, "roles show clerk", {}),
    (0, "roles list", {}),
    (0, "roles matrix", {}),
    (0, "roles delete guest --yes", {}),
    (0, "roles export --output {folder}/roles.toml", {}),
    (0, "roles plan {folder}/roles.toml", {}),
    (0, "roles apply {folder}/roles.toml --yes", {}),
    (0, f"roles grant clerk {BOT}", {}),
    (0, f"users revoke {BOT} clerk", {}),
    (0, f"users grant {BOT} clerk --expires 30d", {}),
    (0, f"users grant {BOT} books:write", {}),
    (0, "permissions list", {}),
    (0, "permissions who-can books:write", {}),
    (0, f"permissions explain {BOT} books:write", {}),
    (1, f"permissions explain {BOT} users:delete", {}),
    (0, f"keys create --user {BOT} --name ci --expires 30d", {"save": "key"}),
    (0, f"keys ensure --user {BOT} --name ci", {}),
    (5, f"keys ensure --user {BOT} --name ci --scope books:read", {}),
    (0, f"keys list --user {BOT}", {}),
    (0, "keys rotate {key} --overlap 0", {"save": "new"}),
    (0, "keys revoke {new}", {}),
    (0, "keys prune", {}),
    (0, f"sessions list --user {ANN}", {}),
    (0, f"sessions revoke --user {ANN}", {}),
    (0, "audit list --limit 3", {}),
    (0, "audit verify", {}),
    (2, "audit prune --older-than 400d", {}),
    (0, "audit prune --older-than 400d --yes", {}),
    (0, "mail list", {}),
    (0, "mail preview reset", {}),
    (0, "mail retry --all", {}),
    (0, f"mail test {ANN}", {}),
    (0, "mail work --once", {}),
    (0, "limits list", {}),
    (4, "limits show nothing", {}),
    (4, "limits reset everything --address 203.0.113.9", {}),
    (4, "limits override nothing --limit 5/minute", {}),
    (4, "limits lift nothing", {}),
    (0, "settings show", {}),
    (0, "singletons list", {}),
    (0, "singletons graph", {}),
    (0, "secrets generate", {}),
    (0, "routes --auth", {}),
    (0, "doctor", {}),
    (0, "completion bash", {}),
    (2, f"users delete {BOT}", {}),
    (0, f"users delete {BOT} --dry-run", {}),
    (0, f"users delete {BOT} --yes", {}),
    (2, "users list --dry-run", {}),
    (2, "users list --no-such-option", {}),
    (2, "no-such-group", {}),
]


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """What is asked of the database here is asked of both elsewhere."""
    return sqlite_databases


@pytest.fixture
def environment(
    database_from_template: Callable[[str, Prepare], str], tmp_path: Path
) -> Mapping[str, str]:
    """What the script has set."""
    return {
        **os.environ,
        "BACKOFFICE_DATABASE_URL": database_from_template("shop", migrate),
        "BACKOFFICE_SECRET_KEY": "a secret of this test, long enough",
        "BACKOFFICE_AUTH__KEY_RING": str(tmp_path / "keys.json"),
        "BACKOFFICE_MAIL__URL": "memory:",
    }


def tree(command: Any, *path: str) -> list[str]:
    """Every verb, as it is typed."""
    below = getattr(command, "commands", {})
    found = [each for name, verb in below.items() for each in tree(verb, *path, name)]
    return found or [" ".join(path)]


VERBS = tree(typer.main.get_command(application([])))


def test_the_script_has_every_verb() -> None:
    """So that none is forgotten."""
    typed = [words for _, words, _ in SCRIPT]
    missing = [
        verb for verb in VERBS if not any(f"{each} ".startswith(f"{verb} ") for each in typed)
    ]
    assert missing == []


def test_every_verb_ends_as_a_script_expects(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    """Data on stdout, which is JSON; one word to a program on stderr; no traceback, no secret."""
    steps = [
        {"arguments": [*shlex.split(words.replace("{folder}", str(tmp_path))), "--json"], **more}
        for _, words, more in SCRIPT
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.driver"],
        input=json.dumps(steps),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
        timeout=200,
        check=True,
    )
    for (code, words, _), came in zip(SCRIPT, json.loads(done.stdout), strict=True):
        assert came["code"] == code, (words, came)
        assert "Traceback" not in came["err"], words
        assert "\x1b" not in came["out"] + came["err"], words
        assert not found_in(came["err"]), words
        if came["out"]:
            json.loads(came["out"])
        else:
            assert code or words == "migrate check", words


def test_an_answer_that_nobody_takes_is_no_fault_of_the_command() -> None:
    """As with any tool of a shell: `| head` ends it quietly, a full disk is told."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed, Path("/dev/full").open("w") as full:
        for out, code, told in ((closed, 141, ""), (full, 2, "No space left on device")):
            done = subprocess.run(
                [COMMAND, "secrets", "generate"],
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr.count("\n")) == (code, int(bool(told)))
            assert told in done.stderr


@contextlib.contextmanager
def asking(environment: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command that asks for a password, and the terminal at which somebody sits."""
    person, terminal = pty.openpty()
    with subprocess.Popen(
        [COMMAND, "users", "create", "new@example.com"],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(terminal)
        yield process, person
    os.close(person)


def shown(person: int, until: bytes = b"nothing of this") -> bytes:
    """What the terminal shows, until it is that, or nobody holds the other end."""
    found = b""
    with contextlib.suppress(OSError):
        while until not in found and (more := os.read(person, 1024)):
            found += more
    return found


def test_ctrl_c_ends_it_at_once(environment: Mapping[str, str]) -> None:
    """With 130, and not a word."""
    with asking(environment) as (process, person):
        assert b"Password: " in shown(person, until=b"Password: ")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
        assert process.communicate()[0] == b""
        assert shown(person).strip() == b""


def test_a_password_is_typed_twice_and_not_shown(environment: Mapping[str, str]) -> None:
    """At a terminal; two that differ are refused."""
    with asking(environment) as (process, person):
        assert b"Password: " in shown(person, until=b"Password: ")
        os.write(person, b"correct horse battery\n")
        assert b"Repeat it: " in shown(person, until=b"Repeat it: ")
        os.write(person, b"correct horse buttery\n")
        assert process.wait(timeout=60) == 2
        told = shown(person)
    assert b"the two are not the same; try again" in told
    assert b"horse" not in told
