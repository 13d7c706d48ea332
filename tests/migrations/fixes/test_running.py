"""A fixed revision does on PostgreSQL what the plain one does, wherever it is broken off."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from backoffice.core.errors import BackofficeError
from backoffice.migrations import PackageHistory, upgrade
from backoffice.migrations.fixes import fixed
from tests.migrations.fixes.revisions import TABLES, catalog, revision
from tests.migrations.projects import Look
from tests.services.postgres import PostgresServer

INDEX = 'op.create_index("ix_title", "book", ["title"])'
UNIQUE = 'op.create_unique_constraint("uq_title", "book", ["title"], deferrable=True)'
UNNAMED = 'op.create_unique_constraint(None, "book", ["title"])'
FOREIGN_KEY = (
    'op.create_foreign_key(None, "book", "author", ["author_id"], ["id"], ondelete="CASCADE")'
)
NAMED_KEY = 'op.create_foreign_key("fk_Author", "book", "author", ["author_id"], ["id"])'
CHECK = 'op.create_check_constraint("positive", "book", "pages > 0")'
REQUIRED = 'op.alter_column("book", "title", existing_type=sa.String(50), nullable=False)'
VOLATILE = """op.add_column("book", sa.Column(
    "token", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False))"""
REFERRING = 'op.add_column("book", sa.Column("other", sa.Integer, sa.ForeignKey("author.id")))'
ALONE = 'op.add_column("book", sa.Column("isbn", sa.String(13), unique=True))'
WIDER = """op.alter_column("book", "pages",
    existing_type=sa.Integer(), type_=sa.BigInteger(), existing_nullable=False)"""
USING = """op.alter_column("book", "title", existing_type=sa.String(50), type_=sa.Integer(),
    existing_nullable=True, postgresql_using="substr(title, 7)::integer")"""
BATCH = """
with op.batch_alter_table("book", schema=None) as batch_op:
    batch_op.add_column(sa.Column("isbn", sa.String(13)))
    batch_op.create_index(batch_op.f("ix_book_isbn"), ["isbn"], unique=True)
    batch_op.create_foreign_key("fk_author", "author", ["author_id"], ["id"])
    batch_op.drop_column("pages")
"""
MIXED = """
op.add_column("book", sa.Column("isbn", sa.String(13)))
op.execute("INSERT INTO author VALUES (99)")
op.create_index("ix_isbn", "book", ["isbn"])
op.execute("UPDATE book SET isbn = id::text")
op.drop_column("book", "pages")
op.alter_column("book", "isbn", nullable=False)
op.execute("INSERT INTO author VALUES (100)")
"""

OPERATIONS = {
    "index": INDEX,
    "unique": UNIQUE,
    "unnamed_unique": UNNAMED,
    "foreign_key": FOREIGN_KEY,
    "named_key": NAMED_KEY,
    "check": CHECK,
    "required": REQUIRED,
    "volatile": VOLATILE,
    "referring": REFERRING,
    "unique_column": ALONE,
    "wider": WIDER,
    "using": USING,
    "batch": BATCH,
    "mixed": MIXED,
}


@pytest.fixture(scope="module")
def template(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database with the tables."""
    name = postgres_server.create()
    begun = Look(postgres_server.url(name))
    begun.engine.dispose()
    yield name
    postgres_server.drop(name)


@pytest.fixture
def history(tmp_path: Path) -> Callable[..., PackageHistory]:
    """A package whose second revision is this text."""

    def make(name: str, second: str) -> PackageHistory:
        versions = tmp_path / name / "versions"
        versions.mkdir(parents=True)
        first = revision(TABLES, identity="stock_0001").replace("'stock_0001'\n\n\n", "None\n\n\n")
        (versions / "first.py").write_text(first)
        (versions / "second.py").write_text(second)
        return PackageHistory("stock", tmp_path / name)

    return make


def everything(text: str) -> set[int]:
    """Each line, as though lint had found something on it."""
    return set(range(1, len(text.splitlines()) + 1))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_fixed_leaves_the_database_as_the_plain_revision_does(
    operation: str, postgres_server: PostgresServer, history: Callable[..., PackageHistory]
) -> None:
    plain = revision(OPERATIONS[operation])
    fix = fixed(plain, everything(plain))
    assert fix.done
    found = []
    for name, text in (("plain", plain), ("fixed", fix.text)):
        with postgres_server.database() as url:
            upgrade(url, histories=[history(name, text)])
            found.append((catalog(Look(url)), rows(Look(url))))
    assert found[0] == found[1]


def rows(look: Look) -> list[tuple[Any, ...]]:
    """What the tables hold, but for what is random, in any order of columns."""
    names = [
        name
        for (name,) in look.rows(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'book'::regclass AND attnum > 0"
            " AND NOT attisdropped AND attname <> 'token' ORDER BY 1"
        )
    ]
    return look.rows(f"SELECT {', '.join(names)} FROM book ORDER BY id") + look.rows(
        "SELECT id FROM author ORDER BY 1"
    )


class Killed(BaseException):
    """As kill -9: the process is gone, and so is its connection."""


class Killer:
    """Ends the connection after so many statements."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "pg_try_advisory_lock" in statement or "pg_advisory_unlock" in statement:
            return
        self.left -= 1
        if self.left == 0:
            cursor.connection.close()
            raise Killed


@pytest.mark.parametrize("operation", ["unnamed_unique", "volatile", "wider", "mixed"])
def test_it_goes_on_wherever_it_was_broken_off(
    operation: str, postgres_server: PostgresServer, history: Callable[..., PackageHistory]
) -> None:
    plain = revision(OPERATIONS[operation])
    found = []
    with postgres_server.database() as url:
        upgrade(url, histories=[history("plain", plain)])
        found.append((catalog(Look(url)), rows(Look(url))))
    package = history("fixed", fixed(plain, everything(plain)).text)
    after = 1
    while True:
        with postgres_server.database() as url:
            if not killed(url, package, after):
                break
            upgrade(url, histories=[package])
            assert (catalog(Look(url)), rows(Look(url))) == found[0], f"after statement {after}"
        after += 1
    assert after > 10


def killed(url: str, package: PackageHistory, after: int) -> bool:
    """Whether the migration was broken off after so many statements."""
    killer = Killer(after)
    event.listen(Engine, "after_cursor_execute", killer)
    try:
        upgrade(url, histories=[package])
    except (Killed, BackofficeError):
        return True
    finally:
        event.remove(Engine, "after_cursor_execute", killer)
    return False
