"""Each revision is whole or undone, and the waits are bounded, whatever env.py says."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from backoffice.core import Unavailable
from backoffice.migrations import MigrationSettings, RevisionFailed, upgrade
from tests.migrations import envs
from tests.migrations.conftest import MakeShop, on_postgresql
from tests.migrations.projects import Look, Shop, create_table

FAILS = f"""
{create_table("two")}
op.execute("INSERT INTO two VALUES (1)")
op.execute("SELECT nothing FROM nowhere")
"""
IMPATIENT = MigrationSettings(lock_timeout=0.05, lock_patience=0.3)


@pytest.mark.parametrize("kind", envs.ALL)
def test_what_went_before_a_failure_stays_and_the_failed_leaves_nothing(
    shop: Shop, database_url: str, look: Look, kind: str
) -> None:
    envs.rewrite(shop, kind)
    shop.revision("shop_2", "shop_1", FAILS)
    with pytest.raises(RevisionFailed, match="shop_2 failed"):
        upgrade(database_url, shop.history, histories=[])
    assert look.tables() == {"alembic_version", "book"}
    assert look.rows("SELECT version_num FROM alembic_version") == [("shop_1",)]


@pytest.mark.parametrize("kind", ["outer", "begun_late", "by_hand", "locking", "handed"])
def test_a_revision_may_leave_the_transaction_that_env_has_begun(
    shop: Shop, database_url: str, look: Look, kind: str
) -> None:
    envs.rewrite(shop, kind)
    upgrade(database_url, shop.history, histories=[])
    shop.revision(
        "shop_2",
        "shop_1",
        'with op.get_context().autocommit_block():\n    op.execute("VACUUM")\n'
        + create_table("two"),
    )
    upgrade(database_url, shop.history, histories=[])
    assert "two" in look.tables()
    assert look.rows("SELECT version_num FROM alembic_version") == [("shop_2",)]


@pytest.mark.parametrize("template", ["generic", "async"])
def test_only_what_is_blocked_is_tried_again(
    make_shop: MakeShop, database_url: str, look: Look, template: str
) -> None:
    shop = make_shop(database_url, template)
    upgrade(database_url, shop.history, histories=[])
    count = "import os\nos.environ['SHOP_{0}'] = os.environ.get('SHOP_{0}', '') + '.'\n"
    shop.revision("shop_2", "shop_1", count.format(2) + create_table("two"))
    shop.revision(
        "shop_3",
        "shop_2",
        count.format(3) + 'op.add_column("book", sa.Column("name", sa.String(20)))',
    )
    told: list[str] = []
    with writing(look, seconds=4):
        applied = upgrade(
            database_url,
            shop.history,
            histories=[],
            settings=MigrationSettings(lock_timeout=0.05),
            tell=told.append,
        )
    tries = [len(os.environ.pop(f"SHOP_{number}")) for number in (2, 3)]
    assert [each.revision for each in applied] == ["shop_2", "shop_3"]
    assert "waiting for a lock" in "".join(told)
    assert tries[0] == 1
    # SQLite is locked as a whole, before the revision begins.
    assert tries[1] >= (2 if database_url.startswith("postgresql") else 1)


def test_who_stays_blocked_is_told_of_and_changes_nothing(
    shop: Shop, database_url: str, look: Look
) -> None:
    upgrade(database_url, shop.history, histories=[])
    shop.revision("shop_2", "shop_1", 'op.add_column("book", sa.Column("n", sa.Integer()))')
    with look.engine.connect() as other:
        other.execute(text("UPDATE book SET id = 1"))
        with pytest.raises(Unavailable, match="LOCK_PATIENCE") as refusal:
            upgrade(database_url, shop.history, histories=[], settings=IMPATIENT)
    assert refusal.value.code == "database_locked"
    assert upgrade(database_url, shop.history, histories=[], settings=IMPATIENT)


def test_the_parent_of_a_cascade_keeps_its_children_when_it_is_copied(
    shop: Shop, database_url: str, look: Look
) -> None:
    upgrade(database_url, shop.history, histories=[])
    look.execute(
        "CREATE TABLE page (id INTEGER REFERENCES book (id) ON DELETE CASCADE)",
        "INSERT INTO book VALUES (1)",
        "INSERT INTO page VALUES (1)",
    )
    enforcing = (
        "    from sqlalchemy import event\n"
        "    if connectable.dialect.name == 'sqlite':\n"
        "        event.listen(connectable, 'connect',\n"
        "            lambda made, _: made.execute('PRAGMA foreign_keys = ON'))\n"
    )
    shop.edit("alembic/env.py", envs.STOCK, enforcing + envs.STOCK)
    shop.revision(
        "shop_2",
        "shop_1",
        'with op.batch_alter_table("book", recreate="always") as table:\n'
        '    table.add_column(sa.Column("name", sa.String(20)))'
        if database_url.startswith("sqlite")
        else 'op.add_column("book", sa.Column("name", sa.String(20)))',
    )
    upgrade(database_url, shop.history, histories=[])
    assert look.rows("SELECT * FROM page") == [(1,)]


@on_postgresql
def test_what_env_has_set_for_its_transaction_holds_for_every_revision(
    shop: Shop, look: Look, database_url: str
) -> None:
    look.execute("CREATE SCHEMA tenant")
    local = envs.OUTER.replace(
        "        context.configure(",
        "        connection.exec_driver_sql('SET LOCAL search_path TO tenant')\n"
        "        context.configure(",
    )
    shop.edit("alembic/env.py", envs.STOCK, local)
    shop.revision("shop_2", "shop_1", create_table("two"))
    upgrade(database_url, shop.history, histories=[])
    found = look.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'tenant'")
    assert sorted(found) == [("alembic_version",), ("book",), ("two",)]


@contextmanager
def writing(look: Look, *, seconds: float) -> Iterator[None]:
    """A transaction of somebody else's that has written, and ends after so long."""
    written = threading.Event()

    def write() -> None:
        with look.engine.connect() as connection:
            connection.execute(text("UPDATE book SET id = 1"))
            # SQLite's driver begins a transaction by this statement, PostgreSQL's before it.
            written.set()
            time.sleep(seconds)

    writer = threading.Thread(target=write)
    writer.start()
    written.wait()
    yield
    writer.join()
