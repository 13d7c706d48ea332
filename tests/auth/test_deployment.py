"""What doctor says before an app with accounts goes live."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backoffice.auth import AuthSettings
from backoffice.auth.deployment import _of_settings, _shared
from backoffice.core import Database, Finding
from tests.auth.conftest import APP, Command

SERVER = "postgresql://127.0.0.1:1/none"
SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
Written = Callable[[str], None]


def finding(command: Command, id: str) -> Finding:
    (found,) = [each for each in command("doctor")[1] if each["id"] == id]
    return Finding(id, found["level"], found["message"], found["fix"])


def of(id: str, **given: object) -> Finding:
    settings = AuthSettings(**given)  # type: ignore[arg-type]
    (found,) = [each for each in _of_settings(settings) if each.id == id]
    return found


@pytest.mark.parametrize(("secure", "level"), [(True, "ok"), (None, "warning"), (False, "error")])
def test_the_cookie_is_for_https_alone(secure: bool | None, level: str) -> None:
    assert of("auth.cookie-secure", cookie_secure=secure).level == level


@pytest.mark.parametrize(
    ("url", "level"),
    [(None, "ok"), ("https://shop.example.com", "ok"), ("http://localhost:8000", "warning")],
)
def test_the_app_is_met_by_https(url: str | None, level: str) -> None:
    assert of("auth.https", public_url=url).level == level


@pytest.mark.parametrize(("registration", "level"), [(True, "warning"), (False, "ok")])
def test_open_registration_is_told(registration: bool, level: str) -> None:
    assert of("auth.registration", registration=registration).level == level


@pytest.mark.parametrize(
    ("url", "count", "level"),
    [
        ("sqlite:///shop.db", 1, "ok"),
        ("sqlite:///shop.db", 4, "warning"),
        ("sqlite://", 4, "error"),
        (SERVER, 4, "ok"),
    ],
)
@pytest.mark.anyio
async def test_several_processes_need_one_database(url: str, count: int, level: str) -> None:
    opened = Database(url)
    found = _shared(opened, count)
    await opened.close()
    assert (found.level, f"{count} processes" in found.message) == (level, level != "ok")


@SQLITE
class TestRoutes:
    ID = "auth.unprotected-routes"

    @pytest.fixture
    def write(self, tmp_path: Path) -> Written:
        def write(more: str) -> None:
            (tmp_path / "main.py").write_text(APP + more)

        return write

    def test_that_are_open_are_named(self, command: Command, write: Written) -> None:
        write("for n in range(9): app.add_api_route(f'/secret/{n}', print)\n")
        found = finding(command, self.ID)
        assert found.level == "warning"
        assert "GET,HEAD /openapi.json" in found.message
        assert "8 more" in found.message
        assert "auth.protect(app)" in found.fix

    def test_of_a_protected_app_are_an_error(self, command: Command, write: Written) -> None:
        """It does not start; doctor says so before somebody tries."""
        write("app.add_api_route('/secret', print)\nauth.protect(app, public=['/docs'])\n")
        found = finding(command, self.ID)
        assert (found.level, "3 routes say not who may call" in found.message) == ("error", True)

    def test_that_all_say_who_may_call_are_well(self, command: Command, write: Written) -> None:
        write("auth.protect(app, public=['/docs', '/redoc', '/openapi.json'])\n")
        assert finding(command, self.ID).level == "ok"


@SQLITE
def test_what_needs_no_tables_is_said_where_there_are_none(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "sqlite:///empty.db")
    found = {each["id"] for each in command("doctor")[1]}
    assert {"auth.registration", "auth.cookie-secure", "migrations.pending"} <= found
