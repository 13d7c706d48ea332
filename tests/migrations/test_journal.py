"""What was committed in the midst of a revision is not done again, nor lost, nor half done."""

from collections.abc import Sequence

import pytest

from backoffice.core import Unavailable
from backoffice.migrations import MigrationSettings, RevisionFailed, upgrade
from backoffice.migrations.concurrently import Concurrent
from backoffice.migrations.entries import TABLE, Entries, Entry
from backoffice.migrations.sessions import WORKING
from backoffice.migrations.verbs import first_word, transactional
from tests.migrations.conftest import on_postgresql
from tests.migrations.projects import Look, Shop, create_table

FAILS_ONCE = """
if not os.path.exists({mark!r}):
    open({mark!r}, "w").close()
    raise RuntimeError("the first time")
"""


@pytest.fixture
def failing(shop: Shop, database_url: str) -> str:
    """The code of a body that fails the first time; the history is at `shop_1`."""
    upgrade(database_url, shop.history, histories=[])
    return "import os" + FAILS_ONCE.format(mark=str(shop.folder / "failed"))


def alone(*statements: str) -> str:
    """Statements that commit by themselves."""
    lines = [f"    op.execute({each!r})" for each in statements]
    return "\n".join(["with op.get_context().autocommit_block():", *lines])


def test_what_had_committed_is_left_out_the_second_time(
    shop: Shop, database_url: str, look: Look, failing: str
) -> None:
    once = alone("CREATE TABLE two (id INTEGER)", "INSERT INTO two VALUES (1)")
    more = "op.execute('INSERT INTO two VALUES (2)')"
    shop.revision("shop_2", "shop_1", f"{once}\n{failing}\n{more}")
    with pytest.raises(RevisionFailed, match="the first time"):
        upgrade(database_url, shop.history, histories=[])
    assert look.rows(f"SELECT count(*) FROM {TABLE}") == [(2,)]
    told: list[str] = []
    upgrade(database_url, shop.history, histories=[], tell=told.append)
    assert "going on from where it was interrupted" in "".join(told)
    assert look.rows("SELECT id FROM two ORDER BY id") == [(1,), (2,)]
    assert TABLE not in look.tables()


def test_a_type_that_is_made_only_where_it_is_not_there_is_no_obstacle(
    shop: Shop, database_url: str, look: Look, failing: str
) -> None:
    kinds = 'sa.Enum("a", "b", name="kind")'
    made = f"{kinds}.create(op.get_bind(), checkfirst=True)\n" + create_table("two")
    shop.revision("shop_2", "shop_1", f"{made}\n{alone('INSERT INTO two VALUES (1)')}\n{failing}")
    with pytest.raises(RevisionFailed):
        upgrade(database_url, shop.history, histories=[])
    upgrade(database_url, shop.history, histories=[])
    assert look.rows("SELECT id FROM two") == [(1,)]


def test_other_rows_than_before_are_not_inserted_unasked(
    shop: Shop, database_url: str, look: Look, failing: str
) -> None:
    body = f"""
import os.path
number = 7 if os.path.exists({str(shop.folder / "failed")!r}) else 1
with op.get_context().autocommit_block():
    op.execute(f"INSERT INTO book VALUES ({{number}})")
"""
    shop.revision("shop_2", "shop_1", f"{body}\n{failing}")
    with pytest.raises(RevisionFailed, match="the first time"):
        upgrade(database_url, shop.history, histories=[])
    with pytest.raises(RevisionFailed, match=f"DROP TABLE {TABLE}") as refusal:
        upgrade(database_url, shop.history, histories=[])
    assert refusal.value.code == "revision_interrupted"
    assert look.rows("SELECT id FROM book") == [(1,)]


def test_an_index_that_could_not_be_built_leaves_nothing(
    shop: Shop, database_url: str, look: Look
) -> None:
    shop.revision(
        "shop_2",
        "shop_1",
        """
op.add_column("book", sa.Column("name", sa.String(20)))
op.execute("INSERT INTO book VALUES (1, 'x')")
op.execute("INSERT INTO book VALUES (2, 'x')")
with op.get_context().autocommit_block():
    op.create_index("ix", "book", ["name"], unique=True, postgresql_concurrently=True)
""",
    )
    with pytest.raises(RevisionFailed):
        upgrade(database_url, shop.history, histories=[])
    look.execute("UPDATE book SET name = 'y' WHERE id = 2")
    upgrade(database_url, shop.history, histories=[])
    with pytest.raises(Exception, match=r"(?i)unique"):
        look.execute("INSERT INTO book VALUES (3, 'y')")


@pytest.mark.parametrize(
    "refused",
    ["CREATE INDEX CONCURRENTLY book_pkey ON book (id)", "DROP INDEX CONCURRENTLY nothing"],
    ids=["one that is there", "one that is not there"],
)
@on_postgresql
def test_what_the_database_refuses_is_refused_each_time(
    shop: Shop, database_url: str, look: Look, refused: str
) -> None:
    shop.revision("shop_2", "shop_1", alone(f"-- an index\n{refused}"))
    for _ in range(2):
        with pytest.raises(RevisionFailed, match="exist"):
            upgrade(database_url, shop.history, histories=[])


@on_postgresql
def test_an_index_that_a_killed_process_has_dropped_is_not_missed(
    shop: Shop, database_url: str, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.revision("shop_2", "shop_1", 'op.create_index("ix", "book", ["id"])')
    upgrade(database_url, shop.history, histories=[])
    shop.revision("shop_3", "shop_2", alone("DROP INDEX CONCURRENTLY ix"))
    keep = Entries.keep

    def killed(entries: Entries, kept: Sequence[Entry]) -> None:
        if "ix" not in look.indexes("book"):
            raise RuntimeError("killed")
        keep(entries, kept)

    monkeypatch.setattr(Entries, "keep", killed)
    with pytest.raises(RevisionFailed, match="killed"):
        upgrade(database_url, shop.history, histories=[])
    monkeypatch.undo()
    upgrade(database_url, shop.history, histories=[])
    assert look.rows("SELECT version_num FROM alembic_version") == [("shop_3",)]


@on_postgresql
def test_the_last_statement_of_a_killed_process_is_waited_for(
    shop: Shop, database_url: str, look: Look
) -> None:
    impatient = MigrationSettings(wait=0.2)
    with look.engine.connect() as left_behind:
        left_behind.exec_driver_sql(f"SELECT pg_advisory_lock({WORKING})")
        with pytest.raises(Unavailable, match="still running in the database"):
            upgrade(database_url, shop.history, histories=[], settings=impatient)
        assert look.tables() == set()
        left_behind.exec_driver_sql(f"SELECT pg_advisory_unlock({WORKING})")
        upgrade(database_url, shop.history, histories=[], settings=impatient)
    assert "book" in look.tables()


@pytest.mark.parametrize(
    ("statement", "index", "table"),
    [
        ("CREATE INDEX CONCURRENTLY ix ON book (id)", "ix", "book"),
        ('create unique index concurrently "Ix" on "My".book (id)', '"Ix"', '"My".book'),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS ix ON ONLY a.b USING gin (c)", "ix", "a.b"),
    ],
    ids=["plain", "quoted", "with everything"],
)
def test_an_index_is_known_by_its_name_and_table(statement: str, index: str, table: str) -> None:
    assert Concurrent.of(statement) == Concurrent(index, table)


def test_any_other_statement_builds_nothing_concurrently() -> None:
    assert Concurrent.of("CREATE INDEX ix ON book (id)") is None
    assert Concurrent.of("DROP INDEX CONCURRENTLY ix") is None


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("  -- why\n/* and */ update a set b = 1", "UPDATE"),
        ("(SELECT 1)", "SELECT"),
        ("", ""),
        ("-- nothing\n", ""),
    ],
    ids=["comments", "brackets", "empty", "comment alone"],
)
def test_a_statement_is_told_by_its_first_word(statement: str, word: str) -> None:
    assert first_word(statement) == word


@on_postgresql  # SQLite's foreign keys are off while migrating
def test_a_commit_that_the_database_refuses_counts_for_nothing(
    shop: Shop, database_url: str, look: Look, failing: str
) -> None:
    deferred = "(id INTEGER REFERENCES book (id) DEFERRABLE INITIALLY DEFERRED)"
    refused = alone("INSERT INTO two VALUES (1)")
    shop.revision("shop_2", "shop_1", f"op.execute('CREATE TABLE two {deferred}')\n{refused}")
    with pytest.raises(RevisionFailed):
        upgrade(database_url, shop.history, histories=[])
    look.execute("INSERT INTO book VALUES (1)")
    upgrade(database_url, shop.history, histories=[])
    assert look.rows("SELECT id FROM two") == [(1,)]


@pytest.mark.parametrize(
    ("statement", "so"),
    [
        ("DO $$ BEGIN INSERT INTO a VALUES (1); END $$", True),
        ("DO $$ BEGIN COMMIT; END $$", False),
        ("/* an index */ DROP INDEX CONCURRENTLY ix", False),
        ("ALTER TABLE a DETACH PARTITION b CONCURRENTLY", False),
        ("ALTER TABLE a DETACH PARTITION b", True),
    ],
    ids=["block", "committing", "comment", "detaching concurrently", "detaching"],
)
def test_a_transaction_is_around_whatever_may_have_one(statement: str, so: bool) -> None:
    assert transactional(first_word(statement), statement) is so
