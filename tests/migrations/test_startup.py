"""An app serves only on a database that is at the present, and sees to it quickly."""

import subprocess
import sys

import pytest
from fastapi import FastAPI

from backoffice.core import Conflict, singletons
from backoffice.migrations import up_to_date, upgrade, upgraded
from tests.migrations import envs
from tests.migrations.conftest import on_postgresql
from tests.migrations.projects import Look, Shop, create_table, sync_url, write_revision

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def within(shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of the app, with its settings."""
    monkeypatch.chdir(shop.folder)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_url)


async def start(app: FastAPI) -> None:
    """Start the app, and stop it."""
    async with app.router.lifespan_context(app):
        pass


def refusing() -> FastAPI:
    return FastAPI(lifespan=singletons(up_to_date))


async def test_an_app_whose_database_is_behind_does_not_start(
    shop: Shop, database_url: str
) -> None:
    with pytest.raises(Conflict, match="backoffice migrate up") as refusal:
        await start(refusing())
    assert refusal.value.code == "database_behind"
    upgrade(database_url, shop.history)
    await start(refusing())


@on_postgresql
async def test_an_app_of_another_schema_is_looked_for_there(
    shop: Shop, database_url: str, look: Look
) -> None:
    look.execute("CREATE SCHEMA tenant")
    beside = envs.STOCK.replace(
        "        context.configure(",
        "        connection.exec_driver_sql('SET search_path TO tenant')\n"
        "        connection.commit()\n"
        "        context.configure(",
    )
    shop.edit("alembic/env.py", envs.STOCK, beside)
    with pytest.raises(Conflict, match="migrate up"):
        await start(refusing())
    upgrade(database_url, shop.history)
    await start(refusing())


async def test_an_app_whose_database_is_ahead_starts_only_if_it_may(
    shop: Shop, database_url: str, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(database_url, shop.history)
    look.execute("UPDATE alembic_version SET version_num = 'shop_9'")
    with pytest.raises(Conflict, match="at shop_9") as refusal:
        await start(refusing())
    assert refusal.value.code == "database_ahead"
    monkeypatch.setenv("BACKOFFICE_MIGRATIONS__ALLOW_AHEAD", "true")
    await start(refusing())


async def test_an_app_with_several_heads_does_not_start(shop: Shop, database_url: str) -> None:
    upgrade(database_url, shop.history)
    shop.revision("shop_2a", "shop_1")
    shop.revision("shop_2b", "shop_1")
    with pytest.raises(Conflict, match="shop_2a, shop_2b"):
        await start(refusing())


async def test_an_app_may_upgrade_first(shop: Shop, look: Look) -> None:
    await start(FastAPI(lifespan=singletons(upgraded)))
    assert {"book", "backoffice_user"} <= look.tables()
    shop.revision("shop_2", "shop_1", create_table("author"))
    await start(FastAPI(lifespan=singletons(upgraded)))
    assert "author" in look.tables()


@pytest.mark.parametrize("name", ['"shop_versions"', "f\"{'shop'}_versions\""])
async def test_the_version_table_that_env_names_is_looked_at(
    shop: Shop, database_url: str, look: Look, name: str
) -> None:
    told = "connection=connection, target_metadata=target_metadata"
    shop.edit("alembic/env.py", told, f"{told}, version_table={name}")
    upgrade(database_url, shop.history)
    assert "shop_versions" in look.tables()
    await start(refusing())


LOOKING = """
import asyncio, sys
from pathlib import Path

from backoffice.core import Database
from backoffice.migrations import AppHistory
from backoffice.migrations.startup import look

folder, url = Path(sys.argv[1]), sys.argv[2]
versions = str(folder / "alembic" / "versions")
opened, run = [], []


def watch(event, arguments):
    if event == "open" and str(arguments[0]).startswith(versions):
        opened.append(arguments[0])
    if event == "exec" and arguments[0].co_filename.startswith(versions):
        run.append(arguments[0])


async def main():
    database = Database(url)
    found = await look(database, AppHistory(folder / "alembic.ini"), [])
    await database.close()
    print(len(found[0].pending), len(opened) - len(set(opened)), len(run), "alembic" in sys.modules)


sys.addaudithook(watch)
asyncio.run(main())
"""


def test_the_look_reads_each_revision_once_and_runs_none(shop: Shop, database_url: str) -> None:
    for number in range(2, 1001):
        write_revision(shop.versions, f"shop_{number}", f"shop_{number - 1}")
    told = subprocess.run(
        [sys.executable, "-c", LOOKING, shop.folder, database_url],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["1000", "0", "0", "False"], told.stderr


@pytest.mark.parametrize(
    ("old", "new", "run"),
    [
        ("import context", "import context", False),
        ('prefix="sqlalchemy.",', 'prefix="sqlalchemy.", echo=False,', True),
        (
            "config = context.config",
            "config = context.config\nconfig.set_main_option('sqlalchemy.url', URL)",
            True,
        ),
    ],
    ids=["the stock one", "options of its own", "an address of its own"],
)
async def test_env_is_run_at_the_head_only_where_it_may_lead_elsewhere(
    shop: Shop, database_url: str, old: str, new: str, run: bool
) -> None:
    upgrade(database_url, shop.history, histories=[])
    ran = shop.folder / "ran"
    shop.edit(
        "alembic/env.py",
        "import context",
        f"import context\nopen({str(ran)!r}, 'w').close()\nURL = {sync_url(database_url)!r}",
    )
    shop.edit("alembic/env.py", old, new)
    upgrade(database_url, shop.history, histories=[])
    assert ran.exists() is run
