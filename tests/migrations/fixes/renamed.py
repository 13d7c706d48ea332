"""Columns that are renamed: tables on which much hangs, and the two revisions."""

from pathlib import Path
from typing import Any

import psycopg

from backoffice.migrations import upgrade
from backoffice.migrations.fixes.files import mended
from backoffice.migrations.histories import APP
from backoffice.migrations.lint.linting import lint
from backoffice.migrations.lint.operations import Target
from backoffice.migrations.project import AppHistory
from backoffice.migrations.reverting import Destination, downgrade
from tests.migrations.fixes.revisions import catalog, revision
from tests.migrations.projects import Look

TABLES = """
    op.execute("CREATE TABLE author (id int PRIMARY KEY, name text)")
    op.execute("INSERT INTO author SELECT generate_series(1, 5)")
    op.execute(
        "CREATE TABLE book (id serial PRIMARY KEY, title varchar(50) COLLATE \\"C\\" NOT NULL"
        " DEFAULT 'no: title''s', pages int DEFAULT 7 CHECK (pages > 0), number serial,"
        " token uuid NOT NULL DEFAULT gen_random_uuid(), price numeric(10,2),"
        " author_id int REFERENCES author ON DELETE CASCADE DEFERRABLE,"
        " CONSTRAINT uq_title UNIQUE (title, id) INCLUDE (pages) DEFERRABLE INITIALLY DEFERRED,"
        " CONSTRAINT \\"Long\\" CHECK (title <> 'title' AND length(title) > 0))"
    )
    op.execute("CREATE INDEX ix_title ON book (lower(title) text_pattern_ops DESC, pages)"
        " WHERE title <> 'a: title' AND title NOT LIKE 'x%'")
    op.execute('CREATE UNIQUE INDEX "ix Upper" ON book USING btree (upper(title), id)')
    op.execute("COMMENT ON INDEX ix_title IS 'to look it up'")
    op.execute("COMMENT ON COLUMN book.title IS 'the title''s title'")
    op.execute("COMMENT ON CONSTRAINT uq_title ON book IS 'once'")
    op.execute("ALTER TABLE book ALTER title SET STATISTICS 77")
    op.execute("ALTER TABLE book ALTER title SET STORAGE EXTERNAL")
    op.execute(
        "ALTER TABLE book ADD CONSTRAINT untold CHECK (title <> 'nothing') NOT VALID"
    )
    op.execute(
        "INSERT INTO book (title, pages, author_id)"
        " SELECT 't ' || each, nullif(each % 9, 0), nullif(each % 6, 0)"
        " FROM generate_series(1, 3000) each"
    )
"""
OP = 'op.alter_column("book", {!r}, new_column_name={!r})'
BATCH = """with op.batch_alter_table("book") as batch_op:
    batch_op.alter_column({!r}, new_column_name={!r})"""
RAW = 'op.execute("ALTER TABLE public.book RENAME COLUMN {} TO {}")'

#: As `migrate make` writes it, where names of what hangs on the column are made of its own.
MADE = """op.alter_column("book", {!r}, new_column_name={!r})
op.execute("ALTER INDEX ix_title RENAME TO ix_name")
op.execute("ALTER TABLE book RENAME CONSTRAINT uq_title TO uq_name")
op.drop_index("ix Upper", "book")"""
MADE_BACK = """op.execute('CREATE UNIQUE INDEX "ix Upper" ON book USING btree (upper(name), id)')
op.execute("ALTER TABLE book RENAME CONSTRAINT uq_name TO uq_title")
op.execute("ALTER INDEX ix_name RENAME TO ix_title")
op.alter_column("book", {!r}, new_column_name={!r})"""

#: How a rename is written, there and back, and what is renamed.
RENAMES = {
    "title": (OP, "title", "name"),
    "made": (MADE, "title", "name"),
    "author": (OP, "author_id", "writer_id"),
    "number": (BATCH, "number", "Number"),
    "pages": (RAW, "pages", "leaves"),
    "token": (OP, "token", "key"),
}


def plain(way: str, old: str, new: str) -> str:
    """The revision as it is mostly written."""
    back = MADE_BACK if way == MADE else way
    return revision(way.format(old, new), back.format(new, old))


class App:
    """An app with a history of its own, and a database at its first revision."""

    def __init__(self, url: str, folder: Path, tables: str = TABLES) -> None:
        self.url = url
        self.versions = folder / "alembic" / "versions"
        self.versions.mkdir(parents=True)
        (folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/alembic\n")
        (folder / "alembic" / "env.py").write_text(ENV)
        self.history = AppHistory(folder / "alembic.ini", None)
        first = revision(tables, identity="stock_0001")
        first = first.replace("down_revision = 'stock_0001'", "down_revision = None")
        (self.versions / "first.py").write_text(first)
        self.up()

    def write(self, text: str, *, fixed: bool = True) -> None:
        """The second revision; what `lint --fix` makes of it."""
        (self.versions / "second.py").write_text(text)
        if fixed:
            for each in mended(lint(self.files(), Target())[1:], []):
                assert each.left == ()
                each.write()

    def up(self, *, contract: bool = False) -> str:
        """Bring the database to the head; what was told."""
        told: list[str] = []
        upgrade(self.url, self.history, histories=[], contract=contract, tell=told.append)
        return "".join(told)

    def down(self) -> None:
        """Take back the last revision."""
        downgrade(self.url, Destination(APP, "-1"), self.history, histories=[])

    def change(self, sql: str) -> None:
        """Something that somebody does to the database."""
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(sql.encode())

    def files(self) -> list[Path]:
        """Its revisions, in order."""
        return sorted(self.versions.glob("*.py"))

    def held(self) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
        """What the database holds, and its rows, whatever the order of the columns."""
        look = Look(self.url)
        told = catalog(look)
        names = sorted(name.partition(".")[2] for name in told if name.startswith("column book."))
        columns = ", ".join(f'"{name}"' for name in names if name not in ("token", "key"))
        return told | details(look), look.rows(f"SELECT {columns} FROM book ORDER BY id")


def details(look: Look) -> dict[str, str]:
    """What a rename keeps beside: comments, storage, statistics, whose a sequence is."""
    return {str(name): str(told) for name, told in look.rows(DETAILS)}


DETAILS = """
SELECT 'storage ' || attname, attstorage::text || attstattarget::text FROM pg_attribute
WHERE attrelid = 'book'::regclass AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT 'comment ' || conname, obj_description(oid, 'pg_constraint') FROM pg_constraint
WHERE conrelid = 'book'::regclass
UNION ALL SELECT 'comment ' || indexrelid::regclass, obj_description(indexrelid, 'pg_class')
FROM pg_index WHERE indrelid = 'book'::regclass
UNION ALL SELECT 'sequence ' || objid::regclass, attname FROM pg_depend JOIN pg_attribute
ON attrelid = refobjid AND attnum = refobjsubid JOIN pg_class ON pg_class.oid = objid
WHERE relkind = 'S' AND refobjid = 'book'::regclass AND deptype = 'a'
"""
ENV = """
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
"""
