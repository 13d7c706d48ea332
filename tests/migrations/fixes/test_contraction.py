"""The second revision of a rename, under each command: Alembic's own, and ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice.core import Conflict
from backoffice.migrations.scripts import app_scripts
from backoffice.migrations.startup import app_standing, refuse
from backoffice.migrations.vendored import modes
from tests.migrations.answers import Type, typing
from tests.migrations.fixes.renamed import OP, App, plain
from tests.migrations.projects import BINARIES, Look, run
from tests.services.postgres import PostgresServer


@pytest.fixture
def app(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[App]:
    """An app whose rename was fixed, and which is still at its first revision."""
    with postgres_server.database() as url:
        app = App(url, tmp_path)
        app.write(plain(OP, "title", "name"))
        yield app


@pytest.fixture
def backoffice(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Type:
    """The command, in the app's folder."""
    monkeypatch.chdir(tmp_path)
    return typing(app.url, monkeypatch, capsys)


def columns(app: App) -> set[str]:
    """The names of the columns that there are."""
    found = Look(app.url).rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'book'::regclass AND attnum > 0"
        " AND NOT attisdropped"
    )
    return {str(name) for (name,) in found} & {"title", "name"}


def test_up_says_what_waits_and_why_and_has_done_its_work(app: App, backoffice: Type) -> None:
    answer = backoffice("migrate", "up")
    assert answer.code == 0, answer.err
    assert "waits: book.title stays beside name as long as the release before may run" in answer.err
    assert columns(app) == {"title", "name"}
    again = backoffice("migrate", "up")
    assert (again.code, "waits" in again.err) == (0, True)
    assert backoffice("migrate", "up", "--contract").code == 0
    assert columns(app) == {"name"}


def test_plan_says_what_may_wait(app: App, backoffice: Type) -> None:
    answer = backoffice("migrate", "plan")
    assert answer.code == 3
    assert "may wait" in answer.out
    assert "ALTER TABLE book DROP COLUMN" in answer.out


def test_status_is_pending_and_an_app_serves_all_the_same(app: App, backoffice: Type) -> None:
    app.up()
    assert backoffice("migrate", "status").code == 3
    scripts = app_scripts(app.history)
    parts = modes(app.history, ())
    ids = [each.id for each in scripts]
    assert len(ids) == 3
    refuse([app_standing(parts, ("stock_0002",))])
    with pytest.raises(Conflict):
        refuse([app_standing(parts, ("stock_0001",))])


def test_check_goes_up_and_down_and_up_with_rows(app: App, backoffice: Type) -> None:
    app.up(contract=True)
    answer = backoffice("migrate", "check", "--json")
    told = [each for each in answer.data if each["check"] == "stairway" and not each["note"]]
    assert [each for each in told if each["revision"] != "stock_0001"] == []


def alembic(app: App, folder: Path, *arguments: str, ok: bool = True) -> str:
    """Alembic's own command, with the env.py of its own that has one connection."""
    (folder / "alembic" / "env.py").write_text(ENV)
    return run([str(BINARIES / "alembic"), *arguments], folder, app.url, ok=ok)


def test_alembic_itself_waits_and_keeps_what_it_did_before(app: App, tmp_path: Path) -> None:
    told = alembic(app, tmp_path, "upgrade", "head", ok=False)
    assert "FAILED: book.title stays beside name" in told
    assert "stock_0002" in alembic(app, tmp_path, "current")
    alembic(app, tmp_path, "-x", "contract=now", "upgrade", "head")
    assert columns(app) == {"name"}
    alembic(app, tmp_path, "downgrade", "-2")
    assert columns(app) == {"title"}


def test_as_sql_the_column_is_renamed_at_once(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", app.url)
    sql = alembic(app, tmp_path, "upgrade", "stock_0001:head", "--sql")
    assert "ALTER TABLE book RENAME COLUMN title TO name" in sql
    assert "run this online" in sql
    app.change("ALTER TABLE book RENAME COLUMN title TO name")
    alembic(app, tmp_path, "stamp", "stock_0002")
    assert "waits" not in app.up()
    assert columns(app) == {"name"}


ENV = """
import os
from alembic import context
from sqlalchemy import create_engine

if context.is_offline_mode():
    context.configure(url=os.environ["BACKOFFICE_DATABASE_URL"], literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(os.environ["BACKOFFICE_DATABASE_URL"]).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
