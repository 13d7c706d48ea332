"""A condition is looked at for how many rows it may hold."""

import pytest

from backoffice.migrations.lint.bounds import bounded
from backoffice.migrations.lint.grammar import parse

FEW = [
    "id = 3",
    "(id = 3)",
    "book.id = 3",
    "book.\"id\" = 'x'",
    "pages IS NULL AND book.id = '1'::uuid",
    "id IN (1, 2) AND (pages = 1 OR pages = 2)",
    "id = $1",
    "id = %(id)s",
    "id IN (1, 2)",
    "name IN ('a', 'b')",
    "id = ANY (ARRAY[1, 2])",
    "ctid = ANY (ARRAY['(0,1)'::tid])",
    "id = ANY ('{1,2}')",
    "id BETWEEN 1 AND 1000",
    "id BETWEEN 1 AND 1000 AND pages IS NULL",
    "id > 5 AND id <= 10",
    "id IN (SELECT id FROM book WHERE pages IS NULL LIMIT 1000)",
    "ctid IN (SELECT ctid FROM book LIMIT 100 FOR UPDATE SKIP LOCKED)",
]
MANY = [
    "",
    "pages IS NULL",
    "id = id",
    "book.author_id = author.id",
    "a.id = b.id AND b.pages = 3",
    "id = 3 OR pages = 1",
    "(id = 3 OR pages = 1)",
    "(id > 3 OR pages = 1) AND id < 9",
    "(id = 3 OR pages = 1) AND (id = 4 OR pages = 2)",
    "id <> 3",
    "id > 3",
    "id > 3 AND author_id < 7",
    "NOT id = 3",
    "id = ANY (SELECT id FROM author)",
    "id IN (SELECT id FROM author)",
    "id IN (SELECT id FROM author WHERE id IN (SELECT id FROM book LIMIT 3))",
    "id = lower(name)",
    "id BETWEEN a AND b",
]


@pytest.mark.parametrize(("where", "few"), [*((w, True) for w in FEW), *((w, False) for w in MANY)])
def test_a_condition_on_a_key_holds_few_rows(where: str, few: bool) -> None:
    assert bounded(where) is few


@pytest.mark.parametrize(
    ("sql", "limited"),
    [
        ("WITH s AS (SELECT id FROM book LIMIT 9) UPDATE book SET n = 1 FROM s", True),
        ("WITH s AS (SELECT id FROM book) UPDATE book SET n = 1 FROM s", False),
        ("UPDATE book SET n = (SELECT n FROM author LIMIT 1)", False),
    ],
)
def test_a_query_with_a_limit_before_a_change_bounds_it(sql: str, limited: bool) -> None:
    assert ("limited" in parse(sql)[0].flags) is limited
