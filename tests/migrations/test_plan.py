"""What is pending is shown with its SQL, its locks and its rows, and nothing of it is done."""

import pytest

from tests.migrations.answers import Type
from tests.migrations.projects import Look, Shop, create_table
from tests.migrations.test_commands import backoffice, site

__all__ = ["backoffice", "site"]

PENDING = f"""
op.add_column("book", sa.Column("name", sa.String(20)))
op.execute("UPDATE book SET name = 'x'")
{create_table("author")}
with op.get_context().autocommit_block():
    op.create_index("ix_book_name", "book", ["name"], postgresql_concurrently=True)
"""


@pytest.fixture
def planned(backoffice: Type, shop: Shop, look: Look, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(shop.folder)
    backoffice("migrate", "up")
    look.execute("INSERT INTO book VALUES (1)", "INSERT INTO book VALUES (2)")
    shop.revision("shop_2", "shop_1", PENDING)
    return shop


def test_each_statement_is_told_with_what_it_locks_and_touches(
    planned: Shop, backoffice: Type, look: Look
) -> None:
    answer = backoffice("migrate", "plan", "--json")
    assert answer.code == 3
    [plan] = answer.data
    assert (plan["history"], plan["revision"]) == ("app", "shop_2")
    add, update, create, index = plan["statements"]
    assert add["sql"] == "ALTER TABLE book ADD COLUMN name VARCHAR(20)"
    [touched] = update["touches"]
    assert (touched["table"], touched["rows"], touched["changes_rows"]) == ("book", 2, True)
    assert [each["rows"] for each in create["touches"]] in ([], [None])
    assert (index["transaction"], add["transaction"]) == (None, 0)
    if look.engine.dialect.name == "postgresql":
        assert add["touches"][0]["lock"] == "ACCESS EXCLUSIVE"
        assert add["touches"][0]["blocks"] == "reads and writes"
        assert index["touches"][0]["lock"] == "SHARE UPDATE EXCLUSIVE"
        assert index["touches"][0]["blocks"] == ""
    assert "author" not in look.tables()


def test_a_person_reads_it_line_by_line(planned: Shop, backoffice: Type) -> None:
    said = backoffice("migrate", "plan").out
    assert "app: shop_2 shop_2\n  ALTER TABLE book ADD COLUMN name VARCHAR(20);\n" in said
    assert ", 2 rows changed\n" in said
    assert "-- commits by itself" in said
    assert backoffice("migrate", "plan", "--sql").out.startswith("-- app: shop_2")


def test_an_empty_database_gets_a_plan_and_no_file(
    backoffice: Type, look: Look, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.folder)
    plans = backoffice("migrate", "plan", "--json").data
    assert [each["history"] for each in plans if each["revision"] == "shop_1"] == ["app"]
    assert {"library", "lending", "auth"} <= {each["history"] for each in plans}
    assert all(each["statements"] for each in plans if each["history"] == "library")
    assert look.tables() == set()


def test_what_cannot_be_told_beforehand_is_named(planned: Shop, backoffice: Type) -> None:
    planned.revision("shop_3", "shop_2", "import nowhere_at_all\nnowhere_at_all.change(op)")
    said = backoffice("migrate", "plan").out
    assert "could not be told beforehand" in said


def test_nothing_pending_is_nothing_to_plan(
    backoffice: Type, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    backoffice("migrate", "up")
    answer = backoffice("migrate", "plan")
    assert (answer.code, answer.out) == (0, "already at the present\n")
