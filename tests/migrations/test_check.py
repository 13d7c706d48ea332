"""`migrate check` finds what is wrong with a history before a database does."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from backoffice.core import SetupError
from backoffice.migrations import upgrade
from backoffice.migrations.guards.examination import Examination
from backoffice.migrations.guards.faults import Check, Fault
from tests.migrations.projects import Look, Shop, sync_url

ENV = """
from alembic import context
import sqlalchemy as sa

target_metadata = sa.MetaData()
{models}

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=target_metadata)
with context.begin_transaction():
    context.run_migrations()
"""
# What is about the files, or about the order of steps, is the same on every database.
ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
BOOK = 'sa.Table("book", target_metadata, sa.Column("id", sa.Integer, primary_key=True){more})'

Find = Callable[..., list[str]]


def models(shop: Shop, *lines: str) -> None:
    """Have env.py name these models."""
    (shop.folder / "alembic" / "env.py").write_text(ENV.format(models="\n".join(lines)))


def downgrade(shop: Shop, identity: str, body: str) -> None:
    """Write what a revision does on the way back."""
    path = shop.versions / f"{identity}.py"
    path.write_text(path.read_text().replace(f"op.drop_table({identity!r})", body))


def revision(shop: Shop, body: str, back: str = "pass", after: str = "shop_1") -> None:
    """Add the revision that follows."""
    identity = f"shop_{int(after[-1]) + 1}"
    shop.revision(identity, after, body)
    downgrade(shop, identity, back)


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """An app whose history and models agree."""
    models(shop, BOOK.format(more=""))
    downgrade(shop, "shop_1", 'op.drop_table("book")')
    return shop


@pytest.fixture
def find(shop: Shop) -> Find:
    """Makes some checks; what is found, in words: notes too, where they are asked for."""

    def examine(*checks: Check, notes: bool = False, **options: Any) -> list[str]:
        asked = Examination(shop.url, shop.history, [], checks=checks, **options)
        return [str(each) for each in asked.faults() if notes or not each.note]

    return examine


def test_a_history_that_is_right_has_no_faults(shop: Shop, find: Find) -> None:
    revision(
        shop,
        'op.add_column("book", sa.Column("title", sa.String(40)))\n'
        'op.create_index("ix_book_title", "book", ["title"])',
        'op.drop_index("ix_book_title")\n    op.drop_column("book", "title")',
    )
    models(shop, BOOK.format(more=', sa.Column("title", sa.String(40), index=True)'))
    upgrade(shop.url, shop.history, histories=[])
    every: tuple[Check, ...] = ("heads", "packages", "pending", "stairway", "models", "drift")
    assert find(*every, notes=True) == []


@ON_SQLITE
def test_two_heads_are_told(shop: Shop, find: Find) -> None:
    revision(shop, "pass")
    shop.revision("other", "shop_1")
    assert find("heads", "stairway", "models") == [
        "heads: the history has 2 heads: other, shop_2; join them by `alembic merge heads`"
    ]


@ON_SQLITE
def test_a_file_that_is_gone_and_an_id_that_is_too_long_are_told(shop: Shop, find: Find) -> None:
    shop.revision("x" * 33, "lost")
    assert len([each for each in find("heads") if "33 characters" in each or "lost" in each]) == 2


def test_what_is_not_applied_is_told(find: Find) -> None:
    assert find("pending") == [
        "pending: app: pending, at -, head shop_1; run `backoffice migrate up`"
    ]


def test_a_downgrade_that_does_nothing_is_told(shop: Shop, find: Find) -> None:
    revision(shop, 'op.add_column("book", sa.Column("title", sa.String(40)))')
    found = find("stairway")
    assert "does not take back what it did: column book.title is there too" in found[0]
    assert "cannot be applied again" in found[1]


@ON_SQLITE
def test_a_fault_does_not_hide_those_of_later_revisions(shop: Shop, find: Find) -> None:
    revision(shop, 'op.create_index("one", "book", ["id"])')
    revision(shop, 'op.create_index("two", "book", ["id"])', "pass", "shop_2")
    told = " ".join(find("stairway"))
    assert "shop_2: its downgrade" in told
    assert "shop_3: its downgrade" in told


def test_a_downgrade_that_fails_is_told(shop: Shop, find: Find) -> None:
    revision(shop, "pass", 'op.drop_table("nowhere")')
    assert "shop_2: the downgrade fails" in find("stairway")[0]


@ON_SQLITE
def test_a_way_back_that_is_said_not_to_be_there_is_a_note(shop: Shop, find: Find) -> None:
    revision(shop, "pass", 'raise NotImplementedError("for good")')
    assert find("stairway") == []
    assert "no way back" in find("stairway", notes=True)[0]


def test_a_column_that_no_row_can_have_is_told(shop: Shop, find: Find) -> None:
    revision(
        shop,
        'op.add_column("book", sa.Column("pages", sa.Integer(), nullable=False))',
        'op.drop_column("book", "pages")',
    )
    found = find("stairway")
    assert len(found) == 1
    assert "shop_2: the upgrade fails" in found[0]
    assert find("stairway", rows=False) == []


def test_rows_that_may_be_null_are_there_when_a_column_must_not_be(shop: Shop, find: Find) -> None:
    column = 'sa.Column("title", sa.String(40))'
    shop.revision("shop_2", "shop_1", f'op.create_table("page", {column})')
    downgrade(shop, "shop_2", 'op.drop_table("page")')
    alter = 'with op.batch_alter_table("page") as page: page.alter_column("title", nullable={})'
    revision(shop, alter.format(False), alter.format(True), "shop_2")
    assert "shop_3: the upgrade fails" in find("stairway")[0]


@ON_SQLITE
def test_seeds_are_there_when_the_next_revision_runs(shop: Shop, find: Find) -> None:
    revision(
        shop,
        'assert op.get_bind().scalar(sa.text("SELECT count(*) FROM book WHERE id = 42")) == 1',
    )

    def seeds(connection: Connection, revision: str) -> None:
        if revision == "shop_1":
            connection.execute(text("INSERT INTO book (id) VALUES (42)"))

    assert "the upgrade fails" in find("stairway")[0]
    assert find("stairway", seeds=seeds) == []


def test_rows_that_a_revision_loses_are_told_as_a_note(shop: Shop, find: Find) -> None:
    revision(shop, 'op.execute("DELETE FROM book")')
    assert find("stairway", notes=True) == [
        "stairway: shop_2: after the upgrade no row of book is left; see that it is meant"
    ]


@ON_SQLITE
def test_revisions_before_a_given_one_are_not_taken_back(shop: Shop, find: Find) -> None:
    revision(shop, 'op.create_index("one", "book", ["id"])')
    assert find("stairway", since="shop_2") == []
    with pytest.raises(SetupError, match="no revision 'lost'"):
        find("stairway", since="lost")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (', sa.Column("title", sa.String(40))', "column book.title is in the models alone"),
        (", sa.CheckConstraint('id > 0', name='positive')", "check book.positive"),
        (
            ', sa.Index("ix_double", sa.text("(id * 2)"))',
            "ix_double",
        ),
    ],
)
def test_what_the_models_have_alone_is_told(shop: Shop, find: Find, more: str, told: str) -> None:
    models(shop, BOOK.format(more=more))
    assert told in " ".join(find("models"))


def test_a_default_that_was_changed_is_told(shop: Shop, find: Find) -> None:
    column = 'sa.Column("pages", sa.Integer, server_default="{}")'
    shop.revision("shop_2", "shop_1", f'op.add_column("book", {column.format(0)})')
    models(shop, BOOK.format(more=f", {column.format(0)}"))
    assert find("models") == []
    models(shop, BOOK.format(more=f", {column.format(7)}"))
    assert "book.pages: default is" in find("models")[0]


def test_values_of_an_enum_that_differ_are_told(shop: Shop, find: Find) -> None:
    enum = 'sa.Enum({}, name="kind", create_constraint=True)'
    two, three = enum.format('"old", "new"'), enum.format('"old", "new", "lost"')
    shop.revision("shop_2", "shop_1", f'op.create_table("page", sa.Column("kind", {two}))')
    page = 'sa.Table("page", target_metadata, sa.Column("kind", {}))'
    models(shop, BOOK.format(more=""), page.format(two))
    assert find("models") == []
    models(shop, BOOK.format(more=""), page.format(three))
    told = "page.kind: the enum has old, new; the models have old, new, lost"
    assert told in " ".join(find("models"))


@ON_SQLITE
def test_models_that_env_does_not_name_are_told(shop: Shop, find: Find) -> None:
    models(shop)
    assert "names no models" in find("models")[0]


def test_a_live_database_that_was_changed_by_hand_is_told(
    shop: Shop, find: Find, look: Look
) -> None:
    upgrade(shop.url, shop.history, histories=[])
    look.execute("ALTER TABLE book ADD COLUMN note VARCHAR(9)", "CREATE TABLE other (id INTEGER)")
    assert find("pending", "drift", notes=True) == [
        "drift: column book.note is there too; undo it there, or write a revision that says so",
        "drift: table other is none of this history's",
    ]


def test_nothing_of_it_is_left_behind_and_the_database_is_as_it_was(
    shop: Shop, find: Find, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", shop.url)
    find("stairway", "models")
    assert look.tables() == set()
    assert os.environ["BACKOFFICE_DATABASE_URL"] == shop.url
    if "postgresql" in shop.url:
        names = look.rows("SELECT datname FROM pg_database WHERE datname LIKE 'backoffice%'")
        assert names == []


def test_an_env_that_goes_elsewhere_is_refused_before_anything_changes(
    shop: Shop, find: Find, look: Look
) -> None:
    env = shop.folder / "alembic" / "env.py"
    lines = env.read_text().replace(
        'context.config.attributes["connection"]',
        f"sa.create_engine({sync_url(shop.url)!r}, poolclass=sa.NullPool).connect()",
    )
    env.write_text(lines.replace("with context.begin_transaction()", "with connection"))
    with pytest.raises(SetupError, match="a database of its own"):
        find("stairway")
    assert look.tables() == set()


def test_a_fault_is_written_as_one_line() -> None:
    fault = Fault("models", "a is b", "do c", "shop_1")
    assert str(fault) == "models: shop_1: a is b; do c"
    assert json.dumps(fault.__dict__)


def test_an_app_without_a_history_is_only_asked_what_is_pending(tmp_path: Path) -> None:
    assert Examination(f"sqlite:///{tmp_path}/x.db", None, []).faults() == []
