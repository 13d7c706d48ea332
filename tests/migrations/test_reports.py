"""What a page tells of the migrations: found out without running the project's code beside it."""

import sys

import pytest

from backoffice.core import Run
from backoffice.migrations import upgrade
from backoffice.migrations.reports import report
from tests.migrations.projects import Shop

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("databases", ["sqlite"], indirect=True),
]


@pytest.fixture(autouse=True)
def within(shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of the app, with its settings."""
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)


async def test_where_each_history_stands_is_told_with_what_is_pending(
    shop: Shop, database_url: str
) -> None:
    async with Run() as run:
        before = await report(run, False)
        assert (before.level, before.more != "") == ("error", True)
        assert {row[0] for row in before.tables[1].rows} >= {"app", "auth"}
        upgrade(database_url, shop.history)
        after = await report(run, True)
        assert (after.level, after.more, after.tables[1].rows) == ("ok", "", [])
        assert {row[1] for row in after.tables[0].rows} == {"At the present"}


async def test_an_env_that_has_to_be_run_is_run_elsewhere(shop: Shop) -> None:
    """Its process is another: this one has nothing of it."""
    mark = "from logging.config import fileConfig\n"
    shop.edit("alembic/env.py", mark, f"{mark}import sys\n\nsys.modules['was_here'] = sys\n")
    told = "        context.configure(version_table='alembic' + '_version',"
    shop.edit("alembic/env.py", "        context.configure(", told)
    async with Run() as run:
        found = await report(run, True)
    assert ("app", "Behind") in {row[:2] for row in found.tables[0].rows}
    assert "could not be judged" not in found.tables[2].empty
    assert "was_here" not in sys.modules
