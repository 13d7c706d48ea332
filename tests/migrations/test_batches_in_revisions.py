"""A revision changes rows in batches: kept when it is stopped, and recorded with the revision."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backoffice.migrations import upgrade
from tests.migrations.answers import Type
from tests.migrations.conftest import MakeShop
from tests.migrations.lines import Line
from tests.migrations.projects import BINARIES, Look, Shop, environment

ON_SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
ROWS = 3000
HEAD = "from backoffice.migrations.batches import Pace, batched_delete, batched_update\n"
READ = 'batched_update(op, "book", {"read": sa.text("read + 1")}, pace=Pace(size=50, pause=0.002))'


def revision(shop: Shop, identity: str, down: str, body: str) -> None:
    """A revision that uses batches."""
    shop.revision(identity, down, f"{HEAD}{body}")


@pytest.fixture
def books(shop: Shop, look: Look) -> Shop:
    """An app with three thousand books, and a revision that is to count one reading of each."""
    shop.revision("shop_2", "shop_1", 'op.add_column("book", sa.Column("read", sa.Integer()))')
    upgrade(shop.url, shop.history, histories=[])
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
        f"{ROWS}) INSERT INTO book (id, read) SELECT i, 0 FROM n"
    )
    postgresql = f"INSERT INTO book (id, read) SELECT i, 0 FROM generate_series(1, {ROWS}) AS i"
    look.execute(postgresql if "postgresql" in shop.url else numbers)
    return shop


def readings(look: Look) -> list[tuple[object, ...]]:
    return look.rows("SELECT read, count(*) FROM book GROUP BY read ORDER BY read")


def test_a_revision_leaves_its_rows_changed_and_no_table_behind(books: Shop, look: Look) -> None:
    revision(books, "shop_3", "shop_2", READ)
    upgrade(books.url, books.history, histories=[])
    assert readings(look) == [(1, ROWS)]
    assert look.tables() == {"book", "alembic_version"}


def test_an_asynchronous_env_runs_it(make_shop: MakeShop, database_url: str, look: Look) -> None:
    shop = make_shop(database_url, "async")
    shop.revision("shop_2", "shop_1", 'op.add_column("book", sa.Column("read", sa.Integer()))')
    revision(shop, "shop_3", "shop_2", f"op.execute('INSERT INTO book VALUES (1, 0)')\n{READ}")
    upgrade(database_url, shop.history, histories=[])
    assert readings(look) == [(1, 1)]


def test_two_jobs_of_a_revision_are_both_done(books: Shop, look: Look) -> None:
    revision(books, "shop_3", "shop_2", f"{READ}\n{READ}")
    upgrade(books.url, books.history, histories=[])
    assert readings(look) == [(2, ROWS)]


def test_the_apps_own_alembic_runs_it(books: Shop, line: Line, look: Look) -> None:
    revision(books, "shop_3", "shop_2", READ)
    line.alembic("upgrade", "head")
    assert readings(look) == [(1, ROWS)]
    assert look.tables() == {"book", "alembic_version"}


@ON_SQLITE
def test_the_apps_own_alembic_writes_it_as_sql(
    books: Shop, line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    revision(books, "shop_3", "shop_2", READ)
    line.alembic("upgrade", "shop_2:head", sql=True)
    said = capsys.readouterr().out
    assert "UPDATE /* in batches of at most 50 rows */ book SET read=read + 1" in said


def test_lint_has_nothing_against_it(books: Shop, typed: Type) -> None:
    gone = 'batched_delete(op, "book", where=sa.text("read = 7 OR read = 8"))'
    revision(books, "shop_3", "shop_2", f"{READ}\n{gone}")
    answer = typed("migrate", "lint", str(books.versions / "shop_3.py"), "--json")
    assert (answer.code, answer.data) == (0, []), answer


def test_a_revision_that_fails_after_its_batches_does_not_change_them_again(
    books: Shop, look: Look
) -> None:
    broken = f'{READ}\nop.execute("SELECT * FROM nowhere")'
    revision(books, "shop_3", "shop_2", broken)
    with pytest.raises(Exception, match="nowhere"):
        upgrade(books.url, books.history, histories=[])
    assert readings(look) == [(1, ROWS)]
    revision(books, "shop_3", "shop_2", READ)
    upgrade(books.url, books.history, histories=[])
    assert readings(look) == [(1, ROWS)]
    assert look.tables() == {"book", "alembic_version"}


def test_a_revision_that_is_tried_again_does_not_change_them_again(books: Shop, look: Look) -> None:
    blocked = (
        'if op.get_context().opts.setdefault("tries", []):\n    return\n'
        'op.get_context().opts["tries"].append(1)\n'
        'raise sa.exc.OperationalError("", {}, Exception("database is locked"))'
    )
    revision(books, "shop_3", "shop_2", f"{READ}\n{blocked}")
    upgrade(books.url, books.history, histories=[])
    assert readings(look) == [(1, ROWS)]
    assert look.tables() == {"book", "alembic_version"}


def test_a_revision_that_is_killed_goes_on_where_it_was(books: Shop, look: Look) -> None:
    patient = 'pace=Pace(size=50, pause=float(os.environ.get("PAUSE", "0")))'
    paced = READ.replace("pace=Pace(size=50, pause=0.002)", patient)
    revision(books, "shop_3", "shop_2", f"import os\n{paced}")
    with subprocess.Popen(
        [str(BINARIES / "backoffice"), "migrate", "up"],
        cwd=books.folder,
        env=environment(books.url) | {"PAUSE": "300"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None and not changed(look):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert 0 < changed(look) < ROWS
    books.backoffice("migrate", "up")
    assert readings(look) == [(1, ROWS)]
    assert "backoffice_batches" not in look.tables()


def changed(look: Look) -> int:
    return int(look.rows("SELECT count(*) FROM book WHERE read > 0")[0][0])


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_processes_of_alembics_own_that_start_at_once_change_each_row_once(
    books: Shop, look: Look
) -> None:
    books.point_at(books.url)
    revision(books, "shop_3", "shop_2", READ)
    running = [
        subprocess.Popen(
            [str(BINARIES / "alembic"), "upgrade", "head"],
            cwd=books.folder,
            env=environment(books.url),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(3)
    ]
    ended = [process.wait() for process in running]
    assert 0 in ended
    assert readings(look) == [(1, ROWS)]
    assert "backoffice_batches" not in look.tables()


def test_deleting_a_parent_on_sqlite_takes_its_children_along(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    shop = make_shop(f"sqlite:///{tmp_path}/shop.db")
    upgrade(shop.url, shop.history, histories=[])
    look = Look(shop.url)
    look.execute(
        "CREATE TABLE page (id INTEGER PRIMARY KEY, "
        "book_id INTEGER REFERENCES book (id) ON DELETE CASCADE)",
        "INSERT INTO book (id) VALUES (1), (2)",
        "INSERT INTO page VALUES (1, 1), (2, 2)",
    )
    revision(shop, "shop_2", "shop_1", 'batched_delete(op, "book", where="id = 1")')
    upgrade(shop.url, shop.history, histories=[])
    assert look.rows("SELECT id FROM page") == [(2,)]


def test_an_app_that_uses_no_batches_does_not_import_alembic_for_them() -> None:
    program = "import sys, backoffice.migrations.batches; assert 'alembic' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
