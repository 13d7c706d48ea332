"""No revision drops a table only because its model was not found."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice.core import Conflict, SetupError
from backoffice.migrations.drafts.histories import tables_made
from tests.migrations.drafting import Desk
from tests.migrations.projects import create_table

TWO = """
class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)

class Book(Model, table=True):
    id: int = Field(primary_key=True)
"""
ONE = TWO.partition("class Book")[0]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/books.db"


@pytest.fixture
def filled(desk: Desk) -> Iterator[Desk]:
    desk.models(TWO)
    desk.up()
    yield desk
    for name in ("stock", "catalogue"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("found", ["None", "sa.MetaData()", "[]"])
def test_without_any_model_nothing_is_written(filled: Desk, found: str) -> None:
    (filled.shop.folder / "models.py").write_text(
        f"import sqlalchemy as sa\ntarget_metadata = {found}\n"
    )
    with pytest.raises(SetupError) as refusal:
        filled.make()
    assert refusal.value.code == "no_models"
    assert "env.py" in refusal.value.message


def test_models_of_another_database_are_none_of_this_one(filled: Desk) -> None:
    filled.models("""
        class Other(Base):
            __tablename__ = "other"
            key: Mapped[str] = mapped_column(sa.String(9), primary_key=True)
    """)
    with pytest.raises(SetupError, match=r"every table .* would be dropped \(author, book\)"):
        filled.make()


@pytest.mark.parametrize(
    "text",
    [
        "class Book(Model, table=True):\n    id: int\n",
        'class Work(Base):\n    __tablename__ = "book"\n',
        'book = sa.Table("book", Base.metadata)\n',
    ],
)
def test_a_model_in_a_file_that_is_not_imported_is_found(filled: Desk, text: str) -> None:
    filled.models(ONE)
    (filled.shop.folder / "shelves").mkdir()
    (filled.shop.folder / "shelves" / "stock.py").write_text(f"from models import *\n{text}")
    with pytest.raises(SetupError, match=r"book \(shelves.stock\.py\)") as refusal:
        filled.make()
    assert refusal.value.code == "models_not_imported"


def test_the_app_is_imported_for_its_models(filled: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.models(f"{ONE}\n")
    (filled.shop.folder / "stock.py").write_text(
        "from fastapi import FastAPI\nfrom sqlmodel import Field\nfrom models import Model\n"
        "class Book(Model, table=True):\n    id: int = Field(primary_key=True)\n"
        "app = FastAPI()\n"
    )
    (filled.shop.folder / "pyproject.toml").write_text('[tool.backoffice]\napp = "stock:app"\n')
    monkeypatch.chdir(filled.shop.folder)
    assert filled.make() is None


def test_a_model_that_is_really_gone_takes_its_table_along(filled: Desk) -> None:
    filled.models(ONE)
    text = filled.stairs()
    assert "op.drop_table('book')" in text


def test_a_table_that_the_history_did_not_make_is_left_alone(filled: Desk) -> None:
    filled.look.execute(
        "CREATE TABLE others (id INTEGER PRIMARY KEY)", "CREATE INDEX o ON others (id)"
    )
    assert filled.make() is None


@pytest.mark.parametrize("name", ["id", "pk_book", "public", "upgrade"])
def test_a_table_that_only_goes_by_a_name_of_the_history_is_left_alone(
    filled: Desk, name: str
) -> None:
    filled.look.execute(f"CREATE TABLE {name} (x INTEGER)")
    assert filled.make() is None


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ('op.create_table("shelf", sa.Column("id"))', {"shelf"}),
        ('op.create_table(table_name="shelf")', {"shelf"}),
        ('op.rename_table("rack", "shelf")', {"shelf"}),
        ('sa.Table("shelf", metadata).create(op.get_bind())', {"shelf"}),
        ('NAME = "shelf"\nop.create_table(NAME)', {"shelf"}),
        ('op.execute("CREATE TABLE IF NOT EXISTS shop.shelf (id int)")', {"shelf"}),
        ("op.execute('create unlogged table \"shelf\" (id int)')", {"shelf"}),
        ('op.execute("ALTER TABLE rack RENAME TO shelf")', {"shelf"}),
        ('op.create_index("shelf", "rack", ["shelf"])', set()),
        ('op.execute("UPDATE shelf SET a = 1")', set()),
    ],
)
def test_the_tables_of_a_history_are_those_that_it_makes(body: str, made: set[str]) -> None:
    assert tables_made([body]) == made


def test_a_package_s_tables_are_left_to_the_package(filled: Desk) -> None:
    filled.look.execute("CREATE TABLE backoffice_shelf (id INTEGER PRIMARY KEY)")
    assert filled.make() is None
    package = 'sa.Table("backoffice_loan", Base.metadata, sa.Column("id", sa.Integer))'
    filled.models(f"{TWO}\n{package}\n")
    assert filled.make() is None


def test_a_database_that_is_behind_is_brought_up_first(filled: Desk) -> None:
    filled.shop.revision("later", filled.head, create_table("later"))
    with pytest.raises(Conflict, match=r"revisions are pending \(1\).*migrate up") as refusal:
        filled.make()
    assert refusal.value.code == "not_at_head"


def test_several_heads_are_joined_first(filled: Desk) -> None:
    head = filled.head
    filled.shop.revision("one", head)
    filled.shop.revision("two", head)
    with pytest.raises(Conflict, match=r"several heads \(one, two\)") as refusal:
        filled.make()
    assert refusal.value.code == "several_heads"


def test_revisions_that_go_in_a_circle_are_refused_in_one_line(filled: Desk) -> None:
    filled.shop.revision("one", "two")
    filled.shop.revision("two", "one")
    with pytest.raises(SetupError, match=r"[Cc]ycle") as refusal:
        filled.make()
    assert "\n" not in refusal.value.message
