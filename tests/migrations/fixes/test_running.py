"""A fixed revision does on PostgreSQL what the plain one does, wherever it is broken off."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from backoffice.core.errors import BackofficeError
from backoffice.migrations import PackageHistory, RevisionFailed, upgrade
from backoffice.migrations.fixes import fixed
from tests.migrations.fixes.revisions import COLLATED, OPERATIONS, TABLES, WIDER, catalog, revision
from tests.migrations.projects import Look
from tests.services.postgres import PostgresServer


class Bench:
    """Runs the second revision of a package, of which the first is done, each time anew."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.template = server.create()
        first = revision(TABLES, identity="stock_0001")
        self.first = first.replace("down_revision = 'stock_0001'", "down_revision = None")
        upgrade(server.url(self.template), histories=[self.history("begun", None)])

    def history(self, name: str, second: str | None) -> PackageHistory:
        """The package with that second revision."""
        versions = self.folder / name / "versions"
        versions.mkdir(parents=True)
        (versions / "first.py").write_text(self.first)
        if second is not None:
            (versions / "second.py").write_text(second)
        return PackageHistory("stock", self.folder / name)

    @contextmanager
    def database(self) -> Iterator[str]:
        """A database at the first revision."""
        with self.server.database(self.template) as url:
            yield url

    def after(self, package: PackageHistory) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
        """What the database holds once the package is at its head."""
        with self.database() as url:
            upgrade(url, histories=[package])
            return held(url)


@pytest.fixture(scope="module")
def bench(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """Where revisions run."""
    made = Bench(postgres_server, tmp_path_factory.mktemp("fixes"))
    yield made
    postgres_server.drop(made.template)


def everything(text: str) -> set[int]:
    """Each line, as though lint had found something on it."""
    return set(range(1, len(text.splitlines()) + 1))


def held(url: str) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    """What there is, and its rows but for what is random, whatever the order of columns."""
    look = Look(url)
    names = look.rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'book'::regclass AND attnum > 0"
        " AND NOT attisdropped AND attname <> 'token' ORDER BY 1"
    )
    columns = ", ".join(str(name) for (name,) in names)
    books = look.rows(f"SELECT {columns} FROM book ORDER BY id")
    return catalog(look), books + look.rows("SELECT id FROM author ORDER BY 1")


ALL = {**OPERATIONS, "collated": COLLATED}  # the latter is safe as it is


@pytest.mark.parametrize("operation", ALL)
def test_what_is_fixed_leaves_the_database_as_the_plain_revision_does(
    operation: str, bench: Bench
) -> None:
    plain = revision(ALL[operation])
    fix = fixed(plain, everything(plain))
    assert fix.done
    before = bench.after(bench.history(f"plain_{operation}", plain))
    assert bench.after(bench.history(f"fixed_{operation}", fix.text)) == before


@pytest.mark.parametrize(
    "broken",
    [
        'op.create_unique_constraint("uq", "book", ["author_id"])',
        'op.create_index("uq", "book", ["author_id"], unique=True)',
        'op.create_check_constraint("big", "book", "pages > 5")',
        'op.create_foreign_key("fk", "book", "author", ["pages"], ["id"])',
        'op.alter_column("book", "author_id", nullable=False)',
        'op.alter_column("book", "title", type_=sa.Integer(), existing_nullable=True,'
        ' postgresql_using="title::integer")',
    ],
)
def test_rows_that_break_a_rule_are_told_of_and_nothing_of_it_is_left(
    broken: str, bench: Bench
) -> None:
    plain = revision(broken)
    package = bench.history(f"broken_{hash(broken)}", fixed(plain, everything(plain)).text)
    with bench.database() as url:
        before = held(url)
        with pytest.raises(RevisionFailed):
            upgrade(url, histories=[package])
        assert held(url) == before


def test_a_column_that_something_hangs_on_is_not_exchanged(bench: Bench) -> None:
    plain = revision(f'op.create_index("ix", "book", ["pages"])\n{WIDER}')
    package = bench.history("hanging", fixed(plain, {12, 13}).text)
    with (
        bench.database() as url,
        pytest.raises(RevisionFailed, match=r"book.pages is used by index ix; nothing was changed"),
    ):
        upgrade(url, histories=[package])


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


@pytest.mark.parametrize("operation", ["volatile", "mixed", "keys"])
def test_it_goes_on_wherever_it_was_broken_off(operation: str, bench: Bench) -> None:
    plain = revision(OPERATIONS[operation])
    whole = bench.after(bench.history(f"whole_{operation}", plain))
    package = bench.history(f"broken_{operation}", fixed(plain, everything(plain)).text)
    after = 5  # what comes before is our own look at the database
    while True:
        with bench.database() as url:
            if not killed(url, package, after):
                break
            upgrade(url, histories=[package])
            assert held(url) == whole, f"after statement {after}"
        after += 4
    assert after > 20


def test_on_sqlite_it_goes_on_as_any_other_revision(tmp_path: Path) -> None:
    first = 'op.create_table("book", sa.Column("id", sa.Integer(), primary_key=True))'
    change = """
    op.add_column("book", sa.Column("isbn", sa.String(13)))
    op.create_index("ix_isbn", "book", ["isbn"])
    op.create_table("note", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_index("ix_id", "book", ["id"])
    """
    begun, package = (
        PackageHistory("stock", tmp_path / "1"),
        PackageHistory("stock", tmp_path / "2"),
    )
    one = revision(first, identity="stock_0001").replace(
        "down_revision = 'stock_0001'", "down_revision = None"
    )
    for history in (begun, package):
        (history.folder / "versions").mkdir(parents=True)
        (history.folder / "versions" / "one.py").write_text(one)
    (package.folder / "versions" / "two.py").write_text(fixed(revision(change)).text)
    url = f"sqlite:///{tmp_path}/shop.db"
    upgrade(url, histories=[begun])
    assert killed(url, package, 13)
    upgrade(url, histories=[package])
    names = {name for (name,) in Look(url).rows("SELECT name FROM sqlite_master")}
    assert {"ix_isbn", "ix_id", "note"} <= names


def killed(url: str, package: PackageHistory, after: int) -> bool:
    """Whether the migration was broken off after so many statements."""
    killer = Killer(after)
    event.listen(Engine, "after_cursor_execute", killer)
    try:
        with suppress(Killed, BackofficeError):
            upgrade(url, histories=[package])
    finally:
        event.remove(Engine, "after_cursor_execute", killer)
    return killer.left <= 0
