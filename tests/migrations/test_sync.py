"""Copies of a package's revisions in the app's own history, as the package comes, changes, goes."""

import pytest

from backoffice.core import Conflict, SetupError
from backoffice.migrations import status
from backoffice.migrations.histories import installed, ordered
from backoffice.migrations.scripts import app_scripts, head
from backoffice.migrations.syncing import planned, write
from tests.migrations.conftest import MakeHistory
from tests.migrations.lines import SHELVES, Line
from tests.migrations.projects import LENDING, Look, create_table, write_revision


def test_copies_stand_at_the_end_of_the_one_line(line: Line) -> None:
    line.installed = [line.library, LENDING]
    line.sync()
    assert {each.id: each.down for each in app_scripts(line.shop.history)} == {
        "shop_1": (),
        "library_0001": ("shop_1",),
        "library_0002": ("library_0001",),
        "library_0003": ("library_0002",),
        "lending_0001": ("library_0003",),
    }


def test_a_second_time_there_is_nothing_to_copy(line: Line) -> None:
    assert len(line.sync()) == 3
    assert line.sync() == []


def test_the_apps_own_commands_go_on_as_before(line: Line, look: Look) -> None:
    line.sync()
    line.alembic("upgrade", "head")
    assert look.rows(SHELVES) == [("lost",)]
    line.alembic("revision", message="mine", rev_id="shop_2")
    line.alembic("upgrade", "head")
    line.alembic("downgrade", "-1")
    assert look.rows("SELECT version_num FROM alembic_version") == [("library_0003",)]
    line.alembic("downgrade", "shop_1")
    assert look.tables() == {"alembic_version", "book"}


def test_up_applies_copies_as_part_of_the_apps_history(line: Line, look: Look) -> None:
    line.sync()
    assert [each.history for each in line.up()] == ["app"] * 4
    assert "alembic_version_backoffice_library" not in look.tables()
    assert line.up() == []


def test_a_package_that_is_upgraded_goes_on_after_what_the_app_has_made_since(
    line: Line, look: Look
) -> None:
    line.install(1)
    line.sync()
    line.shop.revision("shop_2", "library_0001", create_table("author"))
    line.install(3)
    assert [(each.revision, each.down) for each in line.sync()] == [
        ("library_0002", "shop_2"),
        ("library_0003", "library_0002"),
    ]
    line.up()
    assert look.rows(SHELVES) == [("lost",)]


def test_a_package_that_went_back_breaks_nothing(line: Line, look: Look) -> None:
    line.sync()
    line.install(1)
    assert line.sync() == []
    line.up()
    assert {each.state for each in status(line.shop.url, line.shop.history, histories=[])} == {
        "present"
    }
    line.alembic("downgrade", "-1")
    line.alembic("upgrade", "head")
    assert look.rows(SHELVES) == [("lost",)]


def test_a_package_that_is_removed_breaks_nothing(line: Line, look: Look) -> None:
    line.sync()
    line.remove()
    line.up()
    line.alembic("downgrade", "-2")
    line.alembic("upgrade", "head")
    assert look.rows(SHELVES) == [("lost",)]


def test_a_new_database_repeats_what_really_came_after_what(
    line: Line, look: Look, make_history: MakeHistory
) -> None:
    phone = 'op.add_column("one", sa.Column("phone", sa.Integer()))'
    first = make_history("stock", {"stock_0001": create_table("one"), "stock_0002": phone})
    line.installed = [first]
    line.sync()
    line.shop.revision("shop_2", "stock_0002", 'op.execute("UPDATE one SET phone = 1")')
    bodies = {"stock_0001": "pass", "stock_0002": "pass"}
    line.installed = [
        make_history("stock", {**bodies, "stock_0003": 'op.drop_column("one", "phone")'})
    ]
    line.sync()
    assert [each.revision for each in line.up()] == [
        *("shop_1", "stock_0001", "stock_0002", "shop_2", "stock_0003")
    ]


def test_what_is_not_copied_yet_is_told_and_the_rest_is_done(line: Line, look: Look) -> None:
    line.install(2)
    line.sync()
    line.install(3)
    told: list[str] = []
    assert len(line.up(told)) == 3
    assert told[-1] == (
        "warning: library: your history has no copy of library_0003; "
        "run `backoffice migrate sync`\n"
    )
    found = {
        each.history: each
        for each in status(line.shop.url, line.shop.history, histories=line.installed)
    }
    assert found["library"].state == "unsynced"
    assert [each.id for each in found["library"].pending] == ["library_0003"]
    assert found["app"].state == "present"


def test_a_package_without_copies_that_requires_one_with_copies_comes_after_it(
    line: Line, look: Look
) -> None:
    line.sync()
    line.installed = [line.library, LENDING]
    assert [each.history for each in line.up()] == [*["app"] * 4, "lending"]
    assert "backoffice_loan" in look.tables()


def test_a_package_that_the_app_builds_on_already_stays_apart(line: Line, look: Look) -> None:
    line.shop.revision(
        "shop_2", "shop_1", 'op.execute("INSERT INTO book SELECT id FROM backoffice_shelf")'
    )
    line.up()
    assert line.sync() == []
    line.install(3)
    line.installed = [line.library, LENDING]
    assert [each.revision for each in line.sync()] == ["lending_0001"]
    line.up()
    assert look.rows("SELECT count(*) FROM book") == [(1,)]


def test_what_such_a_package_requires_stays_apart_too(line: Line) -> None:
    line.shop.revision("shop_2", "shop_1", 'op.execute("DELETE FROM backoffice_loan")')
    line.installed = [line.library, LENDING]
    assert line.sync() == []


class TestRefusals:
    """Nothing is written where the history cannot be right afterwards."""

    def refused(self, line: Line, told: str) -> None:
        before = sorted(line.shop.versions.iterdir())
        with pytest.raises(Conflict, match=told):
            line.sync()
        assert sorted(line.shop.versions.iterdir()) == before

    def test_several_heads(self, line: Line) -> None:
        line.shop.revision("shop_2", None)
        self.refused(line, "several heads")

    def test_an_id_that_is_taken(self, line: Line) -> None:
        line.shop.revision("library_0002", "shop_1")
        self.refused(line, "has the id library_0002")

    def test_a_copy_that_is_missing_between_others(self, line: Line) -> None:
        line.sync()
        next(line.shop.versions.glob("library_0001*")).unlink()
        self.refused(line, "the copy of library_0001 is missing")

    def test_a_file_of_the_apps_in_the_way(self, line: Line) -> None:
        name = next(iter(line.library.files.values())).name
        write_revision(line.shop.versions, "mine", "shop_1")
        (line.shop.versions / "mine.py").rename(line.shop.versions / name)
        self.refused(line, "is no copy of library_0001")

    @pytest.mark.parametrize(
        ("line_of_code", "told"),
        [
            ("from backoffice.core import Settings", "imports backoffice.core"),
            ("from . import shelves", r"imports \."),
            ("depends_on = ('library_0001',)", "depends on"),
        ],
    )
    def test_a_revision_that_cannot_stand_by_itself(
        self, line: Line, make_history: MakeHistory, line_of_code: str, told: str
    ) -> None:
        history = make_history("stock", {"stock_0001": "pass"})
        file = history.folder / "versions" / "stock_0001.py"
        file.write_text(f"{file.read_text()}\n\n{line_of_code}\n")
        line.installed = [history]
        with pytest.raises(SetupError, match=told):
            line.sync()


def test_every_revision_of_the_suite_can_be_copied_and_runs(
    line: Line, look: Look, database_url: str
) -> None:
    line.installed = ordered(installed())
    copied = line.sync()
    assert {each.package for each in copied} >= {"auth", "core"}
    for each in copied:
        assert "import backoffice" not in each.text
        assert "from backoffice" not in each.text
    line.up()
    tables = look.tables()
    assert {"backoffice_user", "backoffice_mail"} <= tables
    assert not {each for each in tables if each.startswith("alembic_version_")}
    line.alembic("downgrade", "shop_1")
    assert look.tables() == {"alembic_version", "book"}


def test_a_copy_that_cannot_be_written_is_told(line: Line) -> None:
    found = planned(line.shop.history, line.installed)
    line.shop.versions.rename(line.shop.versions.with_name("elsewhere"))
    line.shop.versions.touch()
    with pytest.raises(SetupError, match="cannot be written"):
        write(found)


def test_an_empty_history_begins_with_the_copies(line: Line) -> None:
    (line.shop.versions / "shop_1.py").unlink()
    line.sync()
    assert head(app_scripts(line.shop.history)) == "library_0003"
