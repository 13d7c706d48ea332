"""What an env.py opens is made fit to migrate, and the app gets nothing of that."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from backoffice.migrations import upgrade
from tests.migrations import envs
from tests.migrations.projects import Look, Shop

POOLED = """
import os

from sqlalchemy import create_engine, event

engine = create_engine(os.environ["SHOP_URL"])
opened = []
if engine.dialect.name == "sqlite":
    event.listen(engine, "connect", lambda made, _: made.execute("PRAGMA foreign_keys = ON"))
"""


@pytest.fixture
def pool(shop: Shop, look: Look, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The app's own engine, which its env.py uses."""
    url = look.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SHOP_URL", url)
    monkeypatch.syspath_prepend(str(shop.folder))
    name = f"engine_of_{shop.folder.parent.name}"
    Path(shop.folder, f"{name}.py").write_text(POOLED)
    handed = envs.STOCK.replace(
        "    with connectable",
        f"    from {name} import engine as connectable\n    with connectable",
    )
    shop.edit("alembic/env.py", envs.STOCK, handed)
    engine: Engine = __import__(name).engine
    return engine


def test_the_pool_of_the_app_gets_no_connection_that_has_migrated(
    pool: Engine, shop: Shop, database_url: str
) -> None:
    upgrade(database_url, shop.history, histories=[])
    with pool.connect() as connection:
        if database_url.startswith("sqlite"):
            found = connection.exec_driver_sql("PRAGMA foreign_keys").scalar()
            assert found == 1
        else:
            assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "0"
            held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = "
            assert connection.exec_driver_sql(f"{held} pg_backend_pid()").scalar() == 0
    pool.dispose()
