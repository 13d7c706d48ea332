"""`backoffice migrate init`: a history begins in a project with models, however they are made."""

import asyncio
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.util import FacadeDict
from sqlmodel import SQLModel

from tests.migrations.answers import Type
from tests.migrations.projects import Look

SQLMODEL = """
from sqlmodel import Field, SQLModel
class Book(SQLModel, table=True):
    __tablename__ = "book"
    id: int | None = Field(default=None, primary_key=True)
    title: str = Field(unique=True)
"""
DECLARATIVE = """
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
class Base(DeclarativeBase):
    pass
class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(50), unique=True)
"""
CORE = """
import sqlalchemy as sa
metadata = sa.MetaData()
book = sa.Table(
    "book", metadata,
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("title", sa.String(50), unique=True),
)
"""
NUMBERS = itertools.count()
APP = "from fastapi import FastAPI\nimport store.models\napp = FastAPI()\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Writes an app with these models."""
    # Of this process, which other tests have filled, the packages' tables alone.
    ours = {
        name: table
        for name, table in SQLModel.metadata.tables.items()
        if name.startswith("backoffice_")
    }
    monkeypatch.setattr(SQLModel.metadata, "tables", FacadeDict(ours))

    def make(models: str) -> Path:
        (tmp_path / "pyproject.toml").write_text('[tool.backoffice]\napp = "store.main:app"\n')
        (tmp_path / "store").mkdir()
        # SQLModel keeps the names of classes for good.
        named = models.replace("Book", f"Book{next(NUMBERS)}")
        (tmp_path / "store" / "models.py").write_text(named)
        (tmp_path / "store" / "main.py").write_text(APP)
        return tmp_path

    yield make
    for name in [each for each in sys.modules if each.partition(".")[0] == "store"]:
        del sys.modules[name]


def alembic(project: Path, verb: str, **options: object) -> None:
    getattr(command, verb)(Config(str(project / "alembic.ini")), **options)


@pytest.mark.parametrize(
    ("databases", "models"),
    # Where the models are found makes no difference to a database.
    [("sqlite", SQLMODEL), ("postgresql", SQLMODEL), ("sqlite", DECLARATIVE), ("sqlite", CORE)],
    ids=["sqlmodel", "sqlmodel-postgresql", "orm", "core"],
    indirect=["databases"],
)
def test_alembic_goes_on_from_there_by_itself(
    project: Callable[[str], Path], typed: Type, look: Look, models: str
) -> None:
    folder = project(models)
    answer = typed("migrate", "init", "--json")
    assert answer.code == 0, answer.err
    assert answer.data["written"][:3] == [
        *("alembic.ini", "migrations/env.py", "migrations/script.py.mako")
    ]
    alembic(folder, "upgrade", revision="head")
    assert "backoffice_user" in look.tables()
    alembic(folder, "revision", autogenerate=True, message="books", rev_id="books")
    alembic(folder, "upgrade", revision="head")
    text = next((folder / "migrations" / "versions").glob("books*")).read_text()
    assert "uq_book_title" in text
    assert "pk_book" in text
    assert "backoffice_" not in text.replace("# ", "").partition("upgrade")[2]
    alembic(folder, "check")
    alembic(folder, "downgrade", revision="-1")
    assert "book" not in look.tables()
    assert typed("migrate", "up").code == 0
    assert "book" in look.tables()


def test_an_async_driver_works_within_a_running_loop(
    project: Callable[[str], Path], typed: Type, look: Look, database_url: str
) -> None:
    folder = project(DECLARATIVE)
    typed("migrate", "init", "--managed")
    env = folder / "migrations" / "env.py"
    # SQLite would go by the driver of the standard library
    env.write_text(env.read_text().replace('"sqlite+aiosqlite": "sqlite",', ""))
    alembic(folder, "revision", autogenerate=True, message="books", rev_id="books")

    async def within() -> None:
        alembic(folder, "upgrade", revision="head")

    asyncio.run(within())
    assert look.tables() == {"alembic_version", "book"}


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_managed_leaves_the_packages_out(
    project: Callable[[str], Path], typed: Type, look: Look
) -> None:
    folder = project(SQLMODEL)
    typed("migrate", "init", "--managed")
    assert not list((folder / "migrations" / "versions").iterdir())
    assert typed("migrate", "up").code == 0
    assert "alembic_version_backoffice_auth" in look.tables()


class TestFiles:
    """What is written, and what is refused; on SQLite alone."""

    @pytest.fixture
    def database_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/shop.db"

    def test_the_files_say_nothing_of_us_to_python(
        self, project: Callable[[str], Path], typed: Type
    ) -> None:
        folder = project(SQLMODEL)
        typed("migrate", "init")
        for file in (folder / "migrations").rglob("*.py"):
            assert "import backoffice" not in file.read_text()
            assert "from backoffice" not in file.read_text()

    def test_a_dry_run_writes_nothing(self, project: Callable[[str], Path], typed: Type) -> None:
        folder = project(SQLMODEL)
        answer = typed("migrate", "init", "--dry-run")
        assert (answer.code, "migrations/env.py" in answer.out) == (0, True)
        assert not (folder / "alembic.ini").exists()

    @pytest.mark.parametrize(
        ("models", "options", "code", "told"),
        [
            ("", (), 2, "has no models that could be found"),
            (SQLMODEL, ("--models", "store.models"), 2, "module:metadata"),
            (SQLMODEL, ("--models", "store.nowhere:Base"), 2, "importing 'store.nowhere' failed"),
            (SQLMODEL, ("--models", "store.main:app"), 2, "is no metadata"),
            (SQLMODEL, ("--folder", "../elsewhere"), 2, "must be a folder of the project"),
            (SQLMODEL, ("--folder", "store"), 5, "is there already"),
        ],
    )
    def test_what_cannot_be_begun_is_refused_and_nothing_written(
        self,
        project: Callable[[str], Path],
        typed: Type,
        models: str,
        options: tuple[str, ...],
        code: int,
        told: str,
    ) -> None:
        folder = project(models)
        answer = typed("migrate", "init", *options)
        assert (answer.code, told in answer.err) == (code, True), answer.err
        assert not (folder / "alembic.ini").exists()

    def test_models_may_be_named(self, project: Callable[[str], Path], typed: Type) -> None:
        folder = project(DECLARATIVE)
        (folder / "pyproject.toml").write_text("[project]\nname = 'store'\n")
        assert typed("migrate", "init", "--models", "store.models:Base").code == 0
        assert (
            "target_metadata: list[MetaData] = [store.models.Base.metadata]"
            in (folder / "migrations" / "env.py").read_text()
        )

    def test_a_database_with_tables_is_for_adopt(
        self, project: Callable[[str], Path], typed: Type, look: Look
    ) -> None:
        project(SQLMODEL)
        look.execute("CREATE TABLE book (id INTEGER)")
        answer = typed("migrate", "init")
        assert (answer.code, "migrate adopt" in answer.err) == (5, True)

    def test_a_second_time_is_refused(self, project: Callable[[str], Path], typed: Type) -> None:
        project(SQLMODEL)
        typed("migrate", "init")
        answer = typed("migrate", "init")
        assert (answer.code, "migrate adopt" in answer.err) == (5, True)
