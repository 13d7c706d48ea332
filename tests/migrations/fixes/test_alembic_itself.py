"""A fixed revision needs nothing of ours: Alembic's own command runs it, and writes it as SQL."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from backoffice.migrations.fixes import fixed
from tests.migrations.conftest import MakeShop
from tests.migrations.fixes.revisions import catalog, revision
from tests.migrations.projects import Look, Shop
from tests.services.postgres import PostgresServer

CHANGE = """
op.add_column("book", sa.Column("pages", sa.Integer(), server_default="7"))
op.create_index("ix_pages", "book", ["pages"])
op.create_check_constraint("positive", "book", "pages > 0")
op.alter_column("book", "pages", nullable=False)
op.create_unique_constraint(None, "book", ["pages", "id"])
op.execute("UPDATE book SET pages = 8 WHERE pages = 7")
op.create_table("note", sa.Column("id", sa.Integer(), primary_key=True))
"""
BACK = """
op.drop_table("note")
op.drop_constraint("book_pages_id_key", "book")
op.drop_constraint("positive", "book")
op.drop_column("book", "pages")
"""


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database."""
    with postgres_server.database() as url:
        yield url


def changed(shop: Shop, text: str) -> Shop:
    """The shop with that second revision, and a third."""
    shop.point_at(shop.url)
    (shop.versions / "change.py").write_text(text)
    shop.revision("shop_3", "shop_2", 'op.create_table("shop_3", sa.Column("id", sa.Integer()))')
    return shop


def test_alembic_runs_it_up_and_down_again(make_shop: MakeShop, url: str) -> None:
    plain = revision(CHANGE, BACK, "shop_2", "shop_1")
    fix = fixed(plain)
    assert len(fix.done) == 5
    shop = changed(make_shop(url), fix.text)
    shop.alembic("upgrade", "head")
    head = catalog(Look(url))
    assert {"index ix_pages", "constraint book.positive", "column shop_3.id"} <= head.keys()
    shop.alembic("downgrade", "shop_1")
    assert [name for name in catalog(Look(url)) if name.startswith("column book")] == [
        "column book.id"
    ]
    shop.alembic("upgrade", "head")
    assert catalog(Look(url)) == head


def test_it_can_be_written_as_sql_that_does_the_same(
    make_shop: MakeShop, url: str, tmp_path: Path
) -> None:
    shop = changed(make_shop(url), fixed(revision(CHANGE, BACK, "shop_2", "shop_1")).text)
    written = shop.alembic("upgrade", "head", "--sql")
    sql = "\n".join(line for line in written.splitlines() if not line.startswith("INFO"))
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements(sql):
            connection.execute(statement)
    assert {"index ix_pages", "constraint book.positive"} <= catalog(Look(url)).keys()
    assert Look(url).rows("SELECT * FROM alembic_version") == [("shop_3",)]


def statements(sql: str) -> list[bytes]:
    """The statements of a script, at semicolons that end a line outside of a DO block."""
    found, held = [], ""
    for part in sql.split(";\n"):
        held += part + ";\n"
        if held.count("$$") % 2 == 0:
            found.append(held.encode())
            held = ""
    return found
