"""A migration that is killed goes on from where it was, wherever that is."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.migrations.killed import KILLED
from tests.migrations.projects import Shop, create_table, run

ROOT = Path(__file__).parents[2]
LEAVES_ITS_TRANSACTION = f"""
{create_table("author")}
op.execute("INSERT INTO author VALUES (1)")
with op.get_context().autocommit_block():
    op.create_index("ix_author_id", "author", ["id"], postgresql_concurrently=True)
    op.execute("INSERT INTO author VALUES (2)")
op.add_column("author", sa.Column("name", sa.String(20)))
op.execute("INSERT INTO book VALUES (1)")
"""
COMMITS_BY_ITSELF = f"""
connection = op.get_bind()
{create_table("shelf")}
connection.execute(sa.text("INSERT INTO shelf VALUES (:id)"), [{{"id": 1}}, {{"id": 2}}])
connection.commit()
connection.execute(sa.text("INSERT INTO shelf VALUES (3)"))
"""
IN_BATCHES = """
connection = op.get_bind()
move = sa.text("INSERT INTO author (id) SELECT s.id + 10 FROM shelf s WHERE NOT EXISTS "
               "(SELECT 1 FROM author a WHERE a.id = s.id + 10) LIMIT 1")
with op.get_context().autocommit_block():
    while connection.execute(move).rowcount:
        pass
"""


@pytest.fixture
def interrupted(shop: Shop) -> Shop:
    """Revisions of every kind: whole, leaving their transaction, committing, in batches."""
    shop.revision("shop_2", "shop_1", LEAVES_ITS_TRANSACTION)
    shop.revision("shop_3", "shop_2", COMMITS_BY_ITSELF)
    shop.revision("shop_4", "shop_3", IN_BATCHES)
    shop.revision("shop_5", "shop_4", 'op.execute("UPDATE book SET id = id + 1")')
    return shop


def killed(shop: Shop, *points: int) -> list[dict[str, Any]]:
    """What each of the points came to."""
    command = [sys.executable, "-m", "tests.migrations.killed", shop.url, str(shop.folder)]
    said = run([*command, *map(str, points)], shop.folder, shop.url, ROOT)
    try:
        return [json.loads(line) for line in said.splitlines()]
    except json.JSONDecodeError:
        raise AssertionError(said) from None


def test_whatever_statement_it_is_killed_after_each_is_done_once(
    interrupted: Shop, database_url: str
) -> None:
    points = (9, 14, 19, 25, 33) if database_url.startswith("postgresql") else range(5, 36, 8)
    found = killed(interrupted, *points)
    assert len(found) == len(points)
    for each in found:
        assert each["ends"] == [KILLED, 0], each
        assert each["rows"] == {"alembic_version": 1, "author": 5, "book": 1, "shelf": 3}, each
        assert each["version"] == "shop_5"
        assert each["indexes"] == ["ix_author_id"]
