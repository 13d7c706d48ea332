"""Revisions are taken back once that was shown, asked and answered, and no further."""

import pytest

from backoffice.core import Conflict
from backoffice.migrations.histories import installed, ordered
from backoffice.migrations.reverting import Destination, downgrade, undoing
from backoffice.migrations.vendored import modes
from tests.migrations.answers import Type
from tests.migrations.projects import Look, Shop, create_table
from tests.migrations.test_commands import backoffice, site

__all__ = ["backoffice", "site"]

UNDONE = '    op.drop_table("author")'


@pytest.fixture
def shop(shop: Shop, backoffice: Type, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """At its head, with three revisions of which the second can be undone."""
    monkeypatch.chdir(shop.folder)
    shop.revision("shop_2", "shop_1", create_table("author"))
    shop.edit("alembic/versions/shop_2.py", "    op.drop_table('shop_2')", UNDONE)
    shop.revision("shop_3", "shop_2", "pass")
    shop.edit("alembic/versions/shop_3.py", "    op.drop_table('shop_3')", "    pass")
    backoffice("migrate", "up")
    return shop


def test_the_last_revision_is_taken_back_with_yes(shop: Shop, backoffice: Type, look: Look) -> None:
    answer = backoffice("migrate", "down", "--yes", "--json")
    assert answer.code == 0
    assert [each["revision"] for each in answer.data["undone"]] == ["shop_3"]
    assert "its downgrade is empty: what it made stays" in answer.err
    assert look.rows("SELECT version_num FROM alembic_version") == [("shop_2",)]
    assert "backoffice_user" in look.tables()


@pytest.mark.parametrize("target", ["-2", "shop_1"])
def test_as_far_back_as_was_said(shop: Shop, backoffice: Type, look: Look, target: str) -> None:
    assert backoffice("migrate", "down", target, "--yes").out == "undone 2\n"
    assert "author" not in look.tables()
    assert look.rows("SELECT version_num FROM alembic_version") == [("shop_1",)]
    assert backoffice("migrate", "up").out == "applied 2\n"


def test_nobody_there_to_answer_changes_nothing(shop: Shop, backoffice: Type, look: Look) -> None:
    answer = backoffice("migrate", "down", "-2")
    assert answer.code == 2
    assert "Undo shop_3, shop_2?" in answer.err
    assert "DROP TABLE author" in answer.err
    assert "author" in look.tables()


def test_a_dry_run_shows_the_sql_and_does_nothing(shop: Shop, backoffice: Type, look: Look) -> None:
    answer = backoffice("migrate", "down", "-2", "--dry-run")
    assert answer.code == 3
    assert "DROP TABLE author;" in answer.out
    assert "author" in look.tables()


def test_a_package_is_taken_back_by_its_name(shop: Shop, backoffice: Type, look: Look) -> None:
    refused = backoffice("migrate", "down", "library@base", "--yes")
    assert (refused.code, "lending@base" in refused.err) == (5, True)
    assert backoffice("migrate", "down", "lending@base", "--yes").code == 0
    assert "backoffice_loan" not in look.tables()
    assert backoffice("migrate", "down", "library@library_0001", "--yes").out == "undone 2\n"
    assert look.rows("SELECT version_num FROM alembic_version_backoffice_library") == [
        ("library_0001",)
    ]


@pytest.mark.parametrize("typed", ["-1", "library@-1"])
def test_what_somebody_else_has_taken_back_is_not_followed_by_another(
    shop: Shop, backoffice: Type, database_url: str, typed: str
) -> None:
    parts = modes(shop.history, ordered(installed()))
    destination = Destination.of(typed, parts, app=True)
    agreed = undoing(database_url, destination, shop.history, parts)
    assert agreed
    backoffice("migrate", "down", typed, "--yes")
    with pytest.raises(Conflict, match="look at it again") as refusal:
        downgrade(database_url, destination, shop.history, agreed=agreed)
    assert refusal.value.code == "database_changed"


@pytest.mark.parametrize(
    ("target", "code", "told"),
    [
        ("nowhere", 4, "migrate history"),
        ("stock@-1", 2, "library@-1"),
        ("-9", 2, "-9"),
        ("7", 2, "-7 goes back that many"),
        ("", 4, "migrate history"),
        ("-0", 2, "-0"),
        ("library@", 4, "migrate history"),
    ],
)
def test_where_nothing_is_that_is_told(
    shop: Shop, backoffice: Type, target: str, code: int, told: str
) -> None:
    answer = backoffice("migrate", "down", target, "--yes")
    assert (answer.code, told in answer.err) == (code, True), answer


def test_at_the_base_nothing_is_left_to_undo(shop: Shop, backoffice: Type, look: Look) -> None:
    shop.edit("alembic/versions/shop_1.py", "    op.drop_table('shop_1')", "    pass")
    assert backoffice("migrate", "down", "base", "--yes").out == "undone 3\n"
    assert backoffice("migrate", "down", "base", "--yes").out == "nothing to undo\n"
