"""`backoffice migrate adopt`: a database or a history that exists is taken as it is."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from tests.migrations.answers import Type
from tests.migrations.conftest import on_postgresql, on_sqlite
from tests.migrations.projects import Look, Shop, create_table, sync_url

MODELS = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
class Base(DeclarativeBase):
    pass
class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50), unique=True)
class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("author.id"), index=True)
    genre: Mapped[str] = mapped_column(sa.Enum("prose", "verse", name="genre"))
"""
APP = "from fastapi import FastAPI\nfrom shelf.models import Base\napp = FastAPI()\n"


@pytest.fixture
def project(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An app that made its tables by `create_all`, and has rows in them."""
    import sys

    from sqlalchemy import create_engine

    (tmp_path / "pyproject.toml").write_text('[tool.backoffice]\napp = "shelf.main:app"\n')
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "models.py").write_text(MODELS)
    (tmp_path / "shelf" / "main.py").write_text(APP)
    for name in [each for each in sys.modules if each.partition(".")[0] == "shelf"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    from importlib import import_module

    engine = create_engine(sync_url(database_url))
    import_module("shelf.models").Base.metadata.create_all(engine)
    engine.dispose()
    Look(database_url).execute(
        "INSERT INTO author VALUES (1, 'Ursula')", "INSERT INTO book VALUES (1, 1, 'prose')"
    )
    return tmp_path


def alembic(project: Path, verb: str, **options: object) -> None:
    getattr(command, verb)(Config(str(project / "alembic.ini")), **options)


def baseline(project: Path) -> Path:
    return next((project / "migrations" / "versions").glob("*_baseline.py"))


class TestDatabase:
    """A database with tables, and no history."""

    def test_its_tables_and_rows_stay_and_the_history_goes_on(
        self, project: Path, typed: Type, look: Look
    ) -> None:
        answer = typed("migrate", "adopt", "--yes", "--json")
        assert answer.code == 0, answer.err
        assert "will differ" not in answer.err
        assert look.rows("SELECT version_num FROM alembic_version") == [(answer.data["recorded"],)]
        assert typed("migrate", "up").code == 0
        assert look.rows("SELECT name FROM author") == [("Ursula",)]
        assert "backoffice_user" in look.tables()
        alembic(project, "check")
        alembic(project, "revision", message="mine", rev_id="mine")
        alembic(project, "upgrade", revision="head")
        alembic(project, "downgrade", revision="-1")

    def test_another_database_that_has_the_tables_takes_the_baseline_for_applied(
        self, project: Path, typed: Type, look: Look
    ) -> None:
        typed("migrate", "adopt", "--yes")
        look.execute("DROP TABLE alembic_version")
        assert typed("migrate", "up").code == 0
        assert look.rows("SELECT name FROM author") == [("Ursula",)]
        assert "backoffice_user" in look.tables()

    @on_sqlite
    def test_one_that_has_some_of_them_is_left_alone(
        self, project: Path, typed: Type, look: Look
    ) -> None:
        typed("migrate", "adopt", "--yes")
        look.execute("DROP TABLE alembic_version", "DROP TABLE book")
        answer = typed("migrate", "up")
        assert (answer.code, "but not book" in answer.err) == (6, True)
        assert look.rows("SELECT name FROM author") == [("Ursula",)]

    @on_sqlite
    def test_what_the_models_do_not_say_comes_from_the_database(
        self, project: Path, typed: Type, look: Look
    ) -> None:
        look.execute("ALTER TABLE author ADD COLUMN born INTEGER")
        answer = typed("migrate", "adopt", "--yes")
        assert "written from the database" in answer.err
        assert '"born"' in baseline(project).read_text().replace("'", '"')

    @on_sqlite
    def test_an_index_that_the_models_do_not_have_comes_from_the_database(
        self, project: Path, typed: Type, look: Look
    ) -> None:
        look.execute("CREATE INDEX by_genre ON book (genre)")
        answer = typed("migrate", "adopt", "--yes")
        assert "written from the database" in answer.err
        assert "by_genre" in baseline(project).read_text()

    def test_what_a_baseline_leaves_out_is_said(
        self, project: Path, typed: Type, look: Look
    ) -> None:
        look.execute("CREATE VIEW verses AS SELECT id FROM book WHERE genre = 'verse'")
        answer = typed("migrate", "adopt", "--dry-run")
        assert "a new database will differ: view verses is missing" in answer.err

    @on_postgresql
    def test_a_new_database_gets_the_extensions_too(
        self, project: Path, typed: Type, look: Look
    ) -> None:
        look.execute(
            "CREATE EXTENSION citext",
            "ALTER TABLE author ADD COLUMN email citext",
            "CREATE INDEX by_mail ON author (email)",
        )
        answer = typed("migrate", "adopt", "--yes")
        assert (answer.code, "will differ" in answer.err) == (0, False), answer.err
        assert 'EXTENSION IF NOT EXISTS "citext"' in baseline(project).read_text()

    @on_postgresql
    def test_a_check_is_the_same_however_it_is_told(
        self, project: Path, typed: Type, look: Look
    ) -> None:
        known = "name IN ('Ursula', 'Iain') AND name NOT LIKE '%x%' AND length(name) % 2 = 0"
        look.execute(f"ALTER TABLE author ADD CONSTRAINT known CHECK ({known})")
        answer = typed("migrate", "adopt", "--yes")
        assert (answer.code, "will differ" in answer.err) == (0, False), answer.err
        assert "%%" not in baseline(project).read_text()

    def test_tables_that_refer_to_a_packages_come_after_its_own(
        self, project: Path, typed: Type, look: Look
    ) -> None:
        typed("migrate", "up")
        key = "CHAR(32)" if "sqlite" in str(look.engine.url) else "UUID"
        look.execute(
            f"CREATE TABLE note (id INTEGER PRIMARY KEY, owner {key} REFERENCES backoffice_user)"
        )
        answer = typed("migrate", "adopt", "--yes", "--from", "database")
        assert answer.code == 0, answer.err
        assert typed("migrate", "up").code == 0
        assert look.rows("SELECT name FROM author") == [("Ursula",)]
        assert not {each for each in look.tables() if each.startswith("alembic_version_")}

    @on_sqlite
    def test_a_dry_run_changes_nothing(self, project: Path, typed: Type, look: Look) -> None:
        answer = typed("migrate", "adopt", "--dry-run")
        assert (answer.code, "alembic.ini" in answer.out) == (3, True), answer.err
        assert not (project / "alembic.ini").exists()
        assert "alembic_version" not in look.tables()

    @on_sqlite
    def test_nobody_to_ask_is_refused(self, project: Path, typed: Type) -> None:
        answer = typed("migrate", "adopt")
        assert (answer.code, "--yes" in answer.err) == (2, True)
        assert not (project / "alembic.ini").exists()


class TestHistory:
    """An Alembic history that exists."""

    @pytest.fixture
    def database_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/shop.db"

    @pytest.fixture
    def here(self, shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Shop:
        shop.point_at(database_url)
        (shop.folder / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
        monkeypatch.chdir(shop.folder)
        return shop

    def test_nothing_but_copies_is_added_where_autogenerate_is_not_used(
        self, here: Shop, typed: Type, look: Look
    ) -> None:
        before = {each: each.read_text() for each in here.folder.rglob("*.py")}
        answer = typed("migrate", "adopt", "--yes", "--json")
        assert answer.code == 0, answer.err
        assert (answer.data["changed"], answer.data["recorded"]) == ([], None)
        assert {each: each.read_text() for each in before} == before
        assert typed("migrate", "up").code == 0
        assert {"book", "backoffice_user"} <= look.tables()

    def test_an_env_that_compares_leaves_the_packages_out_from_then_on(
        self, here: Shop, typed: Type, look: Look
    ) -> None:
        here.edit(
            "alembic/env.py",
            "target_metadata = None",
            "import sqlalchemy\ntarget_metadata = sqlalchemy.MetaData()\n"
            "sqlalchemy.Table('book', target_metadata, sqlalchemy.Column('id', sqlalchemy.Integer, "
            "primary_key=True))",
        )
        answer = typed("migrate", "adopt", "--yes", "--json")
        assert answer.data["changed"] == ["alembic/env.py"]
        assert (
            "+            connection=connection, target_metadata=target_metadata, incl"
            in answer.err
        )
        typed("migrate", "up")
        alembic(here.folder, "check")
        assert typed("migrate", "adopt", "--yes", "--json").data["changed"] == []

    def test_a_database_that_the_history_would_make_so_is_recorded(
        self, here: Shop, typed: Type, look: Look
    ) -> None:
        look.execute("CREATE TABLE book (id INTEGER NOT NULL, PRIMARY KEY (id))")
        answer = typed("migrate", "adopt", "--yes", "--json")
        assert answer.data["recorded"] == "shop_1"
        assert typed("migrate", "up").code == 0
        assert "backoffice_user" in look.tables()

    def test_so_is_one_that_comes_after_the_packages_did(
        self, here: Shop, typed: Type, look: Look
    ) -> None:
        typed("migrate", "adopt", "--yes")
        look.execute("CREATE TABLE book (id INTEGER NOT NULL, PRIMARY KEY (id))")
        assert typed("migrate", "adopt", "--yes", "--json").data["recorded"] == "shop_1"
        assert typed("migrate", "up").code == 0
        assert "backoffice_user" in look.tables()

    def test_one_that_may_lack_what_lies_between_is_refused(
        self, here: Shop, typed: Type, look: Look
    ) -> None:
        typed("migrate", "adopt", "--yes")
        here.revision("shop_2", "core_0001")
        look.execute("CREATE TABLE book (id INTEGER NOT NULL, PRIMARY KEY (id))")
        answer = typed("migrate", "adopt", "--yes")
        assert (answer.code, "alembic stamp" in answer.err) == (5, True), answer.err

    @pytest.mark.parametrize(
        ("lacking", "told"),
        [
            (create_table("other"), "table other is missing"),
            ('op.create_index("ix_book", "book", ["id"])', "index ix_book is missing"),
            ('op.execute("CREATE VIEW books AS SELECT 1")', "view books is missing"),
        ],
    )
    def test_one_that_has_a_part_alone_is_refused(
        self, here: Shop, typed: Type, look: Look, lacking: str, told: str
    ) -> None:
        look.execute("CREATE TABLE book (id INTEGER NOT NULL, PRIMARY KEY (id))")
        here.revision("shop_2", "shop_1", lacking)
        answer = typed("migrate", "adopt", "--yes")
        assert (answer.code, told in answer.err) == (5, True), answer.err
        assert "alembic_version" not in look.tables()

    def test_metadata_that_holds_the_packages_tables_here_may_not_do_so_there(
        self, here: Shop, typed: Type, look: Look
    ) -> None:
        here.edit(
            "alembic/env.py",
            "target_metadata = None",
            "from sqlmodel import SQLModel\ntarget_metadata = SQLModel.metadata",
        )
        assert typed("migrate", "adopt", "--yes", "--json").data["changed"] == ["alembic/env.py"]

    def test_one_that_differs_is_refused(self, here: Shop, typed: Type, look: Look) -> None:
        look.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, pages INTEGER)")
        answer = typed("migrate", "adopt", "--yes")
        assert (answer.code, "pages" in answer.err) == (5, True), answer.err
        assert not list(here.versions.glob("auth*"))

    def test_several_heads_are_refused(self, here: Shop, typed: Type) -> None:
        here.revision("shop_2", None, create_table("other"))
        answer = typed("migrate", "adopt", "--yes")
        assert (answer.code, "several heads" in answer.err) == (5, True)
