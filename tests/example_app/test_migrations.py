"""The shop's own history of its tables, from before anything else was plugged in."""

import logging
import subprocess
import sys

import pytest
from alembic import command
from alembic.config import main as alembic
from sqlalchemy import inspect
from sqlmodel import SQLModel

from example_app.models import Author, Book, Order, OrderLine, Review
from tests.example_app.shop import ALEMBIC_INI, alembic_config, engine_on, migrate_by_alembic

TABLES = {model.__tablename__ for model in (Author, Book, Order, OrderLine, Review)}
REVISIONS = ["5c1b7f0e92ad", "a94d3e6b18f2", "e07f2c5d4b63", "3d8b6a1f40e7", "71c0e9d25ab8"]


@pytest.fixture
def url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, named by the app's own setting."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)
    return database_url


def tables(url: str) -> set[str]:
    with engine_on(url) as engine:
        return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_the_history_makes_the_tables_of_the_models(url: str) -> None:
    """In a process that has no models of other apps, a comparison of the two finds nothing."""
    command.upgrade(alembic_config(), "head")
    assert tables(url) == TABLES
    alembic = [sys.executable, "-m", "alembic", "-c", str(ALEMBIC_INI), "check"]
    done = subprocess.run(
        alembic, cwd=ALEMBIC_INI.parents[1], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_each_revision_goes_up_down_and_up_again(url: str) -> None:
    """Also the one whose enum PostgreSQL keeps apart from its table."""
    for revision in REVISIONS:
        command.upgrade(alembic_config(), revision)
        command.downgrade(alembic_config(), "-1")
        command.upgrade(alembic_config(), revision)
    assert tables(url) == TABLES


def test_going_down_leaves_nothing(url: str) -> None:
    """Neither tables nor types."""
    command.upgrade(alembic_config(), "head")
    command.downgrade(alembic_config(), "base")
    assert tables(url) == set()
    with engine_on(url) as engine:
        if engine.dialect.name == "postgresql":
            assert inspect(engine).get_enums() == []  # type: ignore[attr-defined]


def test_a_connection_that_is_handed_over_is_used(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting is not asked then: a tool decides where and in which transaction."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", "sqlite:////nowhere/at/all.db")
    migrate_by_alembic(database_url)
    assert tables(database_url) == TABLES


def test_the_history_is_printed_as_sql(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both ways, without touching the database."""
    command.upgrade(alembic_config(), "head", sql=True)
    command.downgrade(alembic_config(), "head:base", sql=True)
    printed = capsys.readouterr().out
    assert "CREATE TABLE customer_order" in printed
    assert "DROP TABLE customer_order" in printed
    assert tables(url) == set()


def test_migrating_from_a_program_leaves_its_logging_alone(url: str) -> None:
    """Alembic's template silences every logger there is."""
    logger, root = logging.getLogger("example_app.main"), logging.getLogger()
    before = (root.level, root.handlers[:])
    command.upgrade(alembic_config(), "head")
    assert not logger.disabled
    assert (root.level, root.handlers) == before


def test_the_alembic_command_needs_nothing_but_the_setting(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It works from any directory, sets up its own logging and silences nobody else's."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        alembic(["-c", str(ALEMBIC_INI), "upgrade", "head"])
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers
    assert not logging.getLogger("example_app.main").disabled
    assert tables(url) == TABLES


def test_the_models_share_their_metadata_without_a_naming_convention() -> None:
    """SQLModel's metadata belongs to all packages of the process: only names of our own are set."""
    assert set(SQLModel.metadata.naming_convention) == {"ix"}
    for table in (SQLModel.metadata.tables[name] for name in TABLES):
        named = table.constraints - {table.primary_key}
        assert all(constraint.name for constraint in named)
