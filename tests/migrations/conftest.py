"""What the tests of migrations share."""

import functools
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backoffice.migrations import PackageHistory
from tests.migrations.answers import Type, typing
from tests.migrations.drafting import Desk
from tests.migrations.lines import Line
from tests.migrations.projects import Look, Shop, create_table, write_revision

#: For what one kind of database alone does, or what is about files.
on_sqlite = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("databases", ["postgresql"], indirect=True)

MakeHistory = Callable[..., PackageHistory]
MakeShop = Callable[..., Shop]


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


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """What `alembic init` makes from a template, once per session."""

    @functools.cache
    def init(template: str) -> Path:
        folder = tmp_path_factory.mktemp(f"stock_{template}")
        Shop(folder, "sqlite://").alembic("init", "-t", template, "alembic")
        return folder

    return init


@pytest.fixture
def make_shop(stock: Callable[[str], Path], tmp_path: Path) -> MakeShop:
    """Makes an app on a database, with one revision that makes the table `book`."""

    def make(url: str, template: str = "generic") -> Shop:
        shop = Shop(shutil.copytree(stock(template), tmp_path / "shop"), url)
        shop.revision("shop_1", None, create_table("book"))
        return shop

    return make


@pytest.fixture
def shop(make_shop: MakeShop, database_url: str) -> Shop:
    """An app with the stock `alembic init`, on the test's database."""
    return make_shop(database_url)


@pytest.fixture
def desk(
    make_shop: MakeShop, database_url: str, look: Look, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """An app on the test's database whose env.py has its models, and no revision yet."""
    # Two versions of a file within a second would share their bytecode.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    sys.modules.pop("models", None)  # another test's
    shop = make_shop(database_url)
    shop.point_at(database_url)
    shop.edit("alembic/env.py", "target_metadata = None", "from models import target_metadata")
    (shop.versions / "shop_1.py").unlink()
    return Desk(shop, look)


@pytest.fixture
def line(shop: Shop, database_url: str, tmp_path: Path) -> Line:
    """An app with a history of its own, to copy the revisions of a package into."""
    shop.point_at(database_url)
    return Line(shop, tmp_path)


@pytest.fixture
def typed(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Type:
    """Types `backoffice ...` in this process, on the test's database."""
    return typing(database_url, monkeypatch, capsys)
