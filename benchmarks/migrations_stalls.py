"""How long an app stands still while its tables change: each revision plain, and as fixed.

    python benchmarks/migrations_stalls.py [rows] [operation ...]

PostgreSQL. One process reads and one writes by primary key, without a pause, while `backoffice
migrate up` runs a revision of the app's own on 2,000,000 rows; a stall is the longest that one of
their statements took. Plain is the revision as it is mostly written, fixed what `fixed()` makes of
its file.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from random import randrange
from textwrap import dedent, indent

import psycopg

from backoffice.migrations.fixes import fixed
from backoffice.migrations.fixes.renames import contract

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.services.postgres import PostgresServer, postgres_server

BINARIES = Path(sys.executable).parent
ROWS = 2_000_000

TABLES = """
CREATE TYPE state AS ENUM ('new', 'done');
CREATE TABLE author (id int PRIMARY KEY);
INSERT INTO author SELECT generate_series(1, 1000);
CREATE TABLE book (
    id bigint PRIMARY KEY, title varchar(50), pages int NOT NULL, author_id int, state state,
    seen int NOT NULL DEFAULT 0, price numeric(10, 2)
);
INSERT INTO book SELECT each, 'title ' || each, each % 500 + 1, each % 1000 + 1, 'new', 0, NULL
FROM generate_series(1, {rows}) each;
"""

OPERATIONS = {
    # What this machine does to a statement while nothing is migrated.
    "nothing": 'op.execute("SELECT pg_sleep(10)")',
    "index": 'op.create_index("ix_book_title", "book", ["title"])',
    "unique constraint": 'op.create_unique_constraint("uq_book_title", "book", ["title"])',
    "foreign key": ('op.create_foreign_key("fk_author", "book", "author", ["author_id"], ["id"])'),
    "check": 'op.create_check_constraint("positive", "book", "pages > 0")',
    "NOT NULL": ('op.alter_column("book", "title", existing_type=sa.String(50), nullable=False)'),
    "volatile default": (
        'op.add_column("book", sa.Column("token", sa.Uuid(), nullable=False,\n'
        '    server_default=sa.text("gen_random_uuid()")))'
    ),
    "column with a foreign key": (
        'op.add_column("book", sa.Column("next_id", sa.BigInteger(), sa.ForeignKey("book.id")))'
    ),
    "int to bigint": (
        'op.alter_column("book", "pages", existing_type=sa.Integer(), type_=sa.BigInteger(),\n'
        "    existing_nullable=False)"
    ),
    "varchar to integer": (
        'op.alter_column("book", "title", existing_type=sa.String(50), type_=sa.Integer(),\n'
        '    existing_nullable=True, postgresql_using="substr(title, 7)::integer")'
    ),
    "backfill": 'op.execute("UPDATE book SET price = pages * 2 WHERE price IS NULL")',
    "enum value": (
        'op.sync_enum_values(enum_schema="public", enum_name="state",\n'
        '    new_values=["new", "open", "done"], affected_columns=[])'
    ),
    "rename": 'op.alter_column("book", "title", new_column_name="name")',
}
#: What a revision goes back to, where the fix has to know it.
BACK = {
    "enum value": (
        'op.sync_enum_values(enum_schema="public", enum_name="state",\n'
        '    new_values=["new", "done"], affected_columns=[])'
    )
}
#: What the operation sends, where it is another package's.
SENT = {
    "enum value": """
        op.execute("ALTER TYPE state RENAME TO state_old")
        op.execute("CREATE TYPE state AS ENUM ('new', 'open', 'done')")
        op.execute("ALTER TABLE book ALTER COLUMN state TYPE state USING state::text::state")
        op.execute("DROP TYPE state_old")
    """
}
ENV = """
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
"""


@dataclass(frozen=True)
class Result:
    """Milliseconds: the migration, and the longest statement of the reader and of the writer."""

    taken: float
    reader: float
    writer: float


def revision(upgrade: str, downgrade: str) -> str:
    """A revision file."""
    return (
        '"""Change things"""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
        'revision = "changed"\ndown_revision = None\n\n\n'
        f"def upgrade() -> None:\n{indent(dedent(upgrade).strip(), '    ')}\n\n\n"
        f"def downgrade() -> None:\n{indent(dedent(downgrade).strip(), '    ')}\n"
    )


def variants(operation: str) -> dict[str, tuple[str, str | None]]:
    """The revision plain and fixed, and the second one that a rename has."""
    upgrade, downgrade = OPERATIONS[operation], BACK.get(operation, "pass")
    written = revision(upgrade, downgrade)
    fix = fixed(written, range(1, written.count("\n") + 1))
    if operation == "nothing":
        return {"at all": (written, None)}
    if not fix.done:
        raise SystemExit(f"{operation} is not fixed: {fix.left}")
    second = contract("changed", fix.renames, "changed")[1] if fix.renames else None
    plain = revision(SENT.get(operation, upgrade), "pass")
    return {"plain": (plain, None), "fixed": (fix.text, second)}


def project(folder: Path, text: str) -> Path:
    """An app with that one revision."""
    versions = folder / "alembic" / "versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (folder / "alembic" / "env.py").write_text(ENV)
    (folder / "alembic" / "script.py.mako").write_text("")
    (versions / "changed.py").write_text(text)
    return folder


def up(folder: Path, url: str, *options: str) -> float:
    """Run the command; milliseconds."""
    environment = {**os.environ, "BACKOFFICE_DATABASE_URL": url}
    begun = time.perf_counter()
    done = subprocess.run(
        [str(BINARIES / "backoffice"), "migrate", "up", "--yes", *options],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return (time.perf_counter() - begun) * 1000


def traffic(
    url: str, statement: str, rows: int, ready: Event, stop: Event, longest: object
) -> None:
    """One statement after the other by primary key; keeps the longest, in milliseconds."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement, {"id": 1})
        ready.set()
        while not stop.is_set():
            begun = time.perf_counter()
            connection.execute(statement, {"id": randrange(1, rows)})
            taken = (time.perf_counter() - begun) * 1000
            longest.value = max(longest.value, taken)  # type: ignore[attr-defined]


STATEMENTS = {
    "reader": "SELECT seen FROM book WHERE id = %(id)s",
    "writer": "UPDATE book SET seen = seen + 1 WHERE id = %(id)s",
}


@contextmanager
def users(url: str, rows: int) -> Iterator[dict[str, object]]:
    """The reader and the writer at work."""
    url = url.replace("+psycopg", "")
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    longest = {name: spawn.Value("d", 0.0) for name in STATEMENTS}
    begun = []
    for name, statement in STATEMENTS.items():
        ready = spawn.Event()
        target = (url, statement, rows, ready, stop, longest[name])
        process = spawn.Process(target=traffic, args=target)
        process.start()
        ready.wait(30)
        begun.append(process)
    time.sleep(0.5)
    try:
        yield dict(longest)
    finally:
        stop.set()
        for process in begun:
            process.join(60)


def measured(
    server: PostgresServer,
    template: str,
    folder: Path,
    revisions: tuple[str, str | None],
    rows: int,
) -> Result:
    """A revision on a database of its own, with users at work."""
    text, second = revisions
    with server.database(template) as url:
        app = project(folder, text)
        with users(url, rows) as longest:
            for each in longest.values():
                each.value = 0.0  # type: ignore[attr-defined]
            taken = up(app, url)
            if second is not None:
                (app / "alembic" / "versions" / "contract.py").write_text(second)
                taken += up(app, url, "--contract")
        return Result(taken, *(each.value for each in longest.values()))  # type: ignore[attr-defined]


def prepared(server: PostgresServer, folder: Path, rows: int) -> str:
    """A database with the tables, ours included, and the rows."""
    name = server.create()
    url = server.url(name)
    folder.mkdir()
    up(folder, url)  # an app without a history: the packages' tables only
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(TABLES.format(rows=rows))
        connection.execute("VACUUM ANALYZE")
    return name


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    chosen = sys.argv[2:] or list(OPERATIONS)
    heading = ("operation", "time s", "reader ms", "writer ms")
    print(f"{rows:,} rows\n{heading[0]:34}" + "".join(f"{each:>11}" for each in heading[1:]))
    with tempfile.TemporaryDirectory() as scratch, postgres_server() as server:
        template = prepared(server, Path(scratch, "bare"), rows)
        for number, operation in enumerate(chosen):
            for name, revisions in variants(operation).items():
                folder = Path(scratch, f"{number}_{name}")
                got = measured(server, template, folder, revisions, rows)
                told = (got.taken / 1000, got.reader, got.writer)
                print(f"{operation + ', ' + name:34}" + "".join(f"{each:11.1f}" for each in told))


if __name__ == "__main__":
    main()
