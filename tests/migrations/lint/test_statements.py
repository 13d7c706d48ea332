"""SQL is cut where the database would cut it."""

import pytest

from backoffice.migrations.lint.grammar import parse
from backoffice.migrations.lint.statements import split


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';'; SELECT 2", ["SELECT ';'", "SELECT 2"]),
        ("SELECT 'it''s;'; SELECT 2", ["SELECT 'it''s;'", "SELECT 2"]),
        (r"SELECT E'\';'; SELECT 2", [r"SELECT E'\';'", "SELECT 2"]),
        ("DO $$ BEGIN a; b; END $$; SELECT 1", ["DO $$ BEGIN a; b; END $$", "SELECT 1"]),
        ("DO $x$ SELECT '$$;' $x$; SELECT 1", ["DO $x$ SELECT '$$;' $x$", "SELECT 1"]),
        ('SELECT "a;b"; SELECT 2', ['SELECT "a;b"', "SELECT 2"]),
        ("SELECT 1 -- a; b\n; SELECT 2", ["SELECT 1 -- a; b", "SELECT 2"]),
        ("/* a; /* b; */ c; */ SELECT 1;", ["/* a; /* b; */ c; */ SELECT 1"]),
        ("-- nothing;\n;; ", []),
        ("SELECT 'open; SELECT 2", ["SELECT 'open", "SELECT 2"]),
    ],
)
def test_statements_end_at_semicolons_outside_of_texts(text: str, statements: list[str]) -> None:
    assert split(text) == statements


@pytest.mark.parametrize("name", ['"User"', 'public."User"', '"public"."User"'])
def test_a_name_is_the_same_however_it_is_quoted(name: str) -> None:
    assert [each.table for each in parse(f"DROP TABLE {name}")] == ["User"]


def test_a_table_of_another_schema_keeps_it() -> None:
    assert [each.table for each in parse("DROP TABLE IF EXISTS Sales.orders")] == ["sales.orders"]


def test_a_block_is_read_for_the_statements_in_it() -> None:
    block = (
        "DO $$ BEGIN IF true THEN ALTER TABLE a DROP COLUMN b; END IF; UPDATE c SET d = 1; END $$"
    )
    assert [(each.kind, each.table) for each in parse(block)] == [
        ("drop column", "a"),
        ("update", "c"),
    ]


def test_what_is_not_known_is_no_error() -> None:
    assert [each.kind for each in parse("GRANT SELECT ON a TO b")] == ["other"]


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        ("WITH x AS (SELECT 1) UPDATE a SET b = 1", "update"),
        ("WITH x AS (DELETE FROM a RETURNING id) SELECT * FROM x", "delete"),
        ("WITH x AS (SELECT 1 FROM a FOR UPDATE) SELECT 1", None),
    ],
)
def test_a_query_with_parts_is_known_by_what_it_changes(
    statement: str, changed: str | None
) -> None:
    kinds = {each.kind for each in parse(statement) if each.table == "a"} - {"read"}
    assert kinds == ({changed} if changed else set())
