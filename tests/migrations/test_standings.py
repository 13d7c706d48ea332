"""Where the database stands is told cheaply, so that an app can look at every start."""

import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI

from backoffice.core import Database, Run, Unavailable
from backoffice.core.checks import Finding
from backoffice.migrations import pending, status, upgrade
from backoffice.migrations.checks import migration_checks
from tests.migrations.conftest import MakeShop
from tests.migrations.projects import LENDING, LIBRARY, Look, Shop, create_table


async def pending_ids(url: str) -> list[str]:
    database = Database(url)
    try:
        return [each.revision for each in await pending(database, [LENDING, LIBRARY])]
    finally:
        await database.close()


@pytest.mark.anyio
async def test_everything_is_pending_on_an_empty_database(database_url: str) -> None:
    assert await pending_ids(database_url) == [each.id for each in LIBRARY.revisions] + [
        "lending_0001"
    ]


@pytest.mark.anyio
async def test_nothing_is_pending_at_the_present(database_url: str) -> None:
    upgrade(database_url, histories=[LIBRARY, LENDING])
    assert await pending_ids(database_url) == []


@pytest.mark.anyio
async def test_what_follows_the_version_of_the_database_is_pending(
    database_url: str, look: Look
) -> None:
    upgrade(database_url, histories=[LIBRARY, LENDING])
    look.execute("UPDATE alembic_version_backoffice_library SET version_num = 'library_0002'")
    assert await pending_ids(database_url) == ["library_0003"]


@pytest.mark.anyio
async def test_a_database_that_is_ahead_has_nothing_pending(database_url: str, look: Look) -> None:
    upgrade(database_url, histories=[LIBRARY, LENDING])
    look.execute("UPDATE alembic_version_backoffice_library SET version_num = 'library_0099'")
    assert await pending_ids(database_url) == []


@pytest.mark.anyio
async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await pending_ids("postgresql://someone:secret@127.0.0.1:1/nowhere")


def test_looking_imports_no_alembic(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from backoffice.core import Database
from backoffice.migrations import pending, status, upgrade
url = "sqlite:///looked_at.db"
status(url)
async def look():
    database = Database(url)
    await pending(database)
    await database.close()
asyncio.run(look())
assert not [name for name in sys.modules if name.startswith(("alembic", "backoffice.auth"))]
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


def test_the_verbs_load_neither_alembic_nor_the_rules_of_lint(tmp_path: Path) -> None:
    program = """
import sys
from backoffice.migrations import commands
parts = ("alembic", "backoffice.migrations.lint", "backoffice.migrations.fixes")
assert not [name for name in sys.modules if name.startswith(parts)]
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


def test_looking_does_not_create_the_database(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    assert status(f"sqlite:///{file}", histories=[LIBRARY])[0].state == "pending"
    assert not file.exists()


def test_two_version_rows_are_a_contradiction(database_url: str, look: Look) -> None:
    upgrade(database_url, histories=[LIBRARY])
    look.execute("INSERT INTO alembic_version_backoffice_library VALUES ('library_0001')")
    assert status(database_url, histories=[LIBRARY])[0].state == "ahead"


def test_the_app_stands_where_its_env_says(shop: Shop, database_url: str, look: Look) -> None:
    upgrade(database_url, shop.history, histories=[])
    shop.revision("shop_2", "shop_1", create_table("author"))
    found = status(database_url, shop.history, histories=[])[0]
    assert (found.state, found.current, found.heads) == ("pending", ("shop_1",), ("shop_2",))
    assert [each.id for each in found.pending] == ["shop_2"]


def test_looking_at_the_app_writes_nothing(shop: Shop, database_url: str, look: Look) -> None:
    assert status(database_url, shop.history, histories=[])[0].state == "pending"
    assert look.tables() == set()


class TestDoctor:
    """What `backoffice doctor` says."""

    async def findings(self, url: str, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        async with Run(FastAPI()) as run:
            return [finding async for finding in migration_checks(run)]

    @pytest.mark.anyio
    async def test_what_is_pending_is_an_error_with_its_fix(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        every = await self.findings(database_url, monkeypatch)
        (found,) = [each for each in every if each.message.startswith("auth:")]
        assert (found.id, found.level) == ("migrations.pending", "error")
        assert "auth_0001" in found.message
        assert found.fix == "run `backoffice migrate up`"

    @pytest.mark.anyio
    async def test_the_present_is_in_order(
        self, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upgrade(database_url)
        levels = {each.level for each in await self.findings(database_url, monkeypatch)}
        assert levels == {"ok"}

    @pytest.mark.anyio
    async def test_an_async_env_runs_from_within_a_loop(
        self, make_shop: MakeShop, database_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop = make_shop(database_url, "async")
        monkeypatch.chdir(shop.folder)
        found = [each.message for each in await self.findings(database_url, monkeypatch)]
        assert "app: 1 pending: shop_1" in found

    @pytest.mark.anyio
    async def test_contradictions_say_what_to_do(
        self, shop: Shop, database_url: str, look: Look, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upgrade(database_url)
        look.execute("UPDATE alembic_version_backoffice_auth SET version_num = 'auth_9999'")
        shop.revision("shop_2", None)
        monkeypatch.chdir(shop.folder)
        found = {each.id: each for each in await self.findings(database_url, monkeypatch)}
        assert "install the version that made it" in found["migrations.ahead"].fix
        assert "alembic merge" in found["migrations.heads"].fix
