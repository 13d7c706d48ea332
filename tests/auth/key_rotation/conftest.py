"""A key ring that rotates: the file, the command, and a running app that follows it."""

import io
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from time import monotonic as clock
from typing import Any

import pytest

from backoffice.auth import key_watch
from backoffice.auth.jws import decoded
from backoffice.auth.key_files import KeyFile
from backoffice.auth.key_ring import RingKey
from backoffice.auth.signing_keys import SigningKey
from backoffice.core.command import main
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House, built, create_tables
from tests.auth.forging import MOMENT

LEAD = timedelta(minutes=5)
OLD, NEW, NEWER = (
    SigningKey.of_secret(letter * 32, letter.decode()) for letter in (b"o", b"n", b"m")
)
Command = Callable[..., tuple[int, Any, str]]


def kids(entries: list[RingKey]) -> list[str | None]:
    return [each.key.kid for each in entries]


APP = """
from fastapi import FastAPI
from backoffice.auth import Auth
app = FastAPI()
app.include_router(Auth().router, prefix="/auth")
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyFile:
    path = tmp_path / "keys.json"
    monkeypatch.setenv("BACKOFFICE_AUTH__KEY_RING", str(path))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    return KeyFile(path)


@pytest.fixture
def rotate(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs `backoffice secrets rotate ... --json`: the exit code, the answer and stderr."""
    monkeypatch.chdir(file.path.parent)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    def run(*arguments: str, as_json: bool = True) -> tuple[int, Any, str]:
        told = ["backoffice", "secrets", "rotate", *arguments, *["--json"][: int(as_json)]]
        monkeypatch.setattr(sys, "argv", told)
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), json.loads(out) if as_json and out else out, err

    return run


@pytest.fixture
def app(
    file: KeyFile,
    database_from_template: Callable[[str, Callable[[str], None]], str],
    time: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], AbstractContextManager[House]]:
    """Starts the app, as often as it is needed, on the same database."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "1000/minute")
    monkeypatch.setattr(key_watch, "EVERY", 0.01)
    time.move_to(MOMENT)
    return built


App = Callable[[], AbstractContextManager[House]]


def followed(house: House, file: KeyFile) -> None:
    """Come back when the app has the keys of the file."""
    expected = kids(file.read()[0])
    deadline = clock() + 10
    while kids(house.services.ring.entries) != expected:
        assert clock() < deadline


def kid_of(token: str) -> str:
    return str(json.loads(decoded(token.partition(".")[0]))["kid"])
