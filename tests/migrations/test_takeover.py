"""A database that a version table of the package's brought on goes over to the app's own history,
whichever command comes first."""

import pytest

from backoffice.core import Conflict
from backoffice.migrations import offline_sql, upgrade
from tests.migrations.lines import SHELVES, Line
from tests.migrations.projects import Look

TABLE = "alembic_version_backoffice_library"
VERSION = "SELECT version_num FROM alembic_version"


@pytest.mark.parametrize("first", ["migrate up", "alembic upgrade head"])
def test_what_was_applied_is_not_run_again(line: Line, look: Look, first: str) -> None:
    line.up()
    line.sync()
    line.up() if first == "migrate up" else line.alembic("upgrade", "head")
    assert look.rows(SHELVES) == [("lost",)]
    assert look.rows(VERSION) == [("library_0003",)]
    assert TABLE not in look.tables()


@pytest.mark.parametrize("first", ["migrate up", "alembic upgrade head"])
def test_what_was_not_applied_is(line: Line, look: Look, first: str) -> None:
    line.install(1)
    line.up()
    line.install(3)
    line.sync()
    line.up() if first == "migrate up" else line.alembic("upgrade", "head")
    assert look.rows(SHELVES) == [("lost",)]
    assert TABLE not in look.tables()


def test_a_database_that_is_further_on_than_the_copies_stays_so(line: Line, look: Look) -> None:
    line.up()
    line.install(2)
    line.sync()
    line.up()
    assert look.rows(f"SELECT version_num FROM {TABLE}") == [("library_0003",)]
    line.install(3)
    line.sync()
    line.up()
    assert TABLE not in look.tables()
    assert look.rows(SHELVES) == [("lost",)]


def test_one_that_was_taken_over_goes_down_and_up(line: Line, look: Look) -> None:
    line.up()
    line.sync()
    line.up()
    line.alembic("downgrade", "shop_1")
    assert "backoffice_shelf" not in look.tables()
    line.up()
    assert look.rows(SHELVES) == [("lost",)]


def test_one_that_is_taken_over_half_way_does_not_go_down(line: Line, look: Look) -> None:
    line.up()
    line.sync()
    line.alembic("upgrade", "library_0002")
    with pytest.raises(RuntimeError, match="library_0003, which is not taken over yet"):
        line.alembic("downgrade", "-1")
    line.alembic("upgrade", "head")
    assert look.rows(SHELVES) == [("lost",)]


def test_one_that_was_stamped_instead_goes_down_and_up(line: Line, look: Look) -> None:
    line.up()
    line.sync()
    line.alembic("stamp", "head")
    line.alembic("downgrade", "library_0001")
    assert look.rows(SHELVES) == []
    line.up()
    assert look.rows(SHELVES) == [("lost",)]


def test_the_sql_for_such_a_database_takes_over_too(line: Line, database_url: str) -> None:
    line.up()
    line.sync()
    written = offline_sql(database_url, line.shop.history, histories=line.installed)
    assert "CREATE TABLE" not in written
    assert f"DROP TABLE {TABLE}" in written
    assert "UPDATE alembic_version SET version_num='library_0003'" in written


@pytest.mark.parametrize("own", [True, False], ids=["own revision last", "copy last"])
def test_files_without_the_copies_do_not_begin_the_package_anew(
    line: Line, look: Look, own: bool
) -> None:
    line.sync()
    if own:
        line.shop.revision("shop_2", "library_0003")
    line.up()
    for file in [*line.shop.versions.glob("library*"), *line.shop.versions.glob("shop_2*")]:
        file.unlink()
    with pytest.raises(Conflict) as refusal:
        line.up()
    assert refusal.value.code in ("copies_missing", "database_ahead")
    assert TABLE not in look.tables()


def test_an_app_without_a_history_does_not_begin_it_anew_either(line: Line, look: Look) -> None:
    line.sync()
    line.up()
    with pytest.raises(Conflict) as refusal:
        upgrade(line.shop.url, histories=line.installed)
    assert refusal.value.code == "copies_missing"
    assert TABLE not in look.tables()
