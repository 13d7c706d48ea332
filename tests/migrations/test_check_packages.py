"""Copies of a package's revisions are there, unchanged, and work both ways like the app's own."""

import pytest

from backoffice.migrations.guards.examination import Examination
from backoffice.migrations.guards.faults import Check
from tests.migrations.lines import Line


def faults(line: Line, *checks: Check, notes: bool = False) -> list[str]:
    # The package's third revision takes no row that its second one allows.
    asked = Examination(line.shop.url, line.shop.history, line.installed, checks=checks, rows=False)
    return [str(each) for each in asked.faults() if notes or not each.note]


def undo(line: Line, revision: str, table: str) -> None:
    file = f"alembic/versions/{revision}.py"
    line.shop.edit(file, f"op.drop_table({revision!r})", f"op.drop_table({table!r})")


def test_copies_that_are_as_they_were_made_are_right(line: Line) -> None:
    line.sync()
    assert faults(line, "heads", "packages") == []


def test_a_copy_that_is_missing_is_told(line: Line) -> None:
    line.install(2)
    line.sync()
    line.install(3)
    assert faults(line, "packages") == [
        "packages: library_0003: the history has no copy of library's library_0003; "
        "run `backoffice migrate sync`"
    ]


def test_a_copy_that_was_changed_is_told(line: Line) -> None:
    [first, *_] = line.sync()
    first.path.write_text(first.path.read_text().replace("String(40)", "String(4)") + "\nx = 1\n")
    assert "packages: library_0001: it was changed" in faults(line, "packages")[0]


def test_a_package_that_was_removed_is_a_note(line: Line) -> None:
    line.sync()
    line.remove()
    assert faults(line, "packages") == []
    assert "library is not installed any more" in faults(line, "packages", notes=True)[0]


@pytest.mark.parametrize("copied", [True, False])
def test_the_stock_env_is_rehearsed_beside_its_database(line: Line, copied: bool) -> None:
    if copied:
        line.sync()
    undo(line, "shop_1", "book")
    assert faults(line, "stairway") == []
    line.up()
    assert faults(line, "pending", "stairway", "drift") == []


def test_tables_of_a_managed_package_are_there_for_the_app_to_refer_to(line: Line) -> None:
    undo(line, "shop_1", "book")
    line.shop.revision(
        "shop_2",
        "shop_1",
        'op.create_table("loan", sa.Column("shelf_id", sa.Integer, '
        'sa.ForeignKey("backoffice_shelf.id")))',
    )
    undo(line, "shop_2", "loan")
    assert faults(line, "stairway") == []
