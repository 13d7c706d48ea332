"""What the tests of migrations share."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backoffice.migrations import PackageHistory
from tests.migrations.projects import Look, Shop, write_revision

MakeHistory = Callable[..., PackageHistory]


@pytest.fixture(autouse=True)
def own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Alembic adds to the path of imports, and looks for files from the present folder."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def look(database_url: str) -> Look:
    """A look at the test's database."""
    return Look(database_url)


@pytest.fixture
def make_history(tmp_path: Path) -> MakeHistory:
    """Writes a package's history: `make_history("stock", {"stock_0001": "upgrade's body"})`."""

    def make(name: str, bodies: dict[str, str], *requires: str) -> PackageHistory:
        down = None
        for identity, body in bodies.items():
            write_revision(tmp_path / name / "versions", identity, down, body)
            down = identity
        return PackageHistory(name, tmp_path / name, requires)

    return make


@pytest.fixture
def shop(tmp_path: Path, database_url: str) -> Shop:
    """An app with the stock `alembic init`, and one revision that makes the table `book`."""
    shop = Shop(tmp_path / "shop", database_url)
    shop.revision("shop_1", None, 'op.create_table("book", sa.Column("id", sa.Integer()))')
    return shop
