"""The app's own Alembic history is run as it is, after the packages' tables."""

import logging
from pathlib import Path

import pytest

from backoffice.core import Conflict, SetupError, Unavailable
from backoffice.migrations import AppHistory, RevisionFailed, app_history, status, upgrade
from tests.migrations.conftest import MakeShop
from tests.migrations.projects import LIBRARY, Look, Shop, create_table, sync_url

CONNECTION_OF_OURS = (
    "    connectable = engine_from_config(",
    '    if (handed := config.attributes.get("connection")) is not None:\n'
    "        context.configure(connection=handed, target_metadata=target_metadata)\n"
    "        with context.begin_transaction():\n"
    "            context.run_migrations()\n"
    "        return\n"
    "    connectable = engine_from_config(",
)


@pytest.mark.parametrize("template", ["generic", "async", "pyproject", "pyproject_async"])
def test_every_stock_template_of_alembic_runs_unchanged(
    make_shop: MakeShop, database_url: str, look: Look, template: str
) -> None:
    shop = make_shop(database_url, template)
    applied = upgrade(database_url, shop.history, histories=[LIBRARY])
    assert [each.history for each in applied] == ["library"] * 3 + ["app"]
    assert "book" in look.tables()
    assert upgrade(database_url, shop.history, histories=[LIBRARY]) == []


def test_the_apps_revisions_may_refer_to_the_packages_tables(
    shop: Shop, database_url: str, look: Look
) -> None:
    shop.revision(
        "shop_2",
        "shop_1",
        'op.execute("INSERT INTO book SELECT id FROM backoffice_shelf")',
    )
    upgrade(database_url, shop.history, histories=[LIBRARY])
    assert look.rows("SELECT count(*) FROM book") == [(1,)]


def test_an_existing_history_goes_on_from_where_it_stands(
    shop: Shop, database_url: str, look: Look
) -> None:
    shop.point_at(database_url)
    shop.alembic("upgrade", "head")
    look.execute("INSERT INTO book VALUES (7)")
    shop.revision("shop_2", "shop_1", create_table("author"))
    applied = upgrade(database_url, shop.history, histories=[LIBRARY])
    assert [each.revision for each in applied if each.history == "app"] == ["shop_2"]
    assert look.rows("SELECT * FROM book") == [(7,)]


def test_the_apps_own_commands_work_as_before(shop: Shop, database_url: str, look: Look) -> None:
    shop.point_at(database_url)
    upgrade(database_url, shop.history, histories=[LIBRARY])
    shop.revision("author", "shop_1", create_table("author"))
    shop.alembic("upgrade", "head")
    assert "author" in look.tables()
    shop.alembic("downgrade", "-1")
    assert "author" not in look.tables()
    assert "(head)" not in shop.alembic("current")
    assert {"book", "backoffice_shelf"} <= look.tables()


def test_an_env_that_takes_our_connection_shares_it(
    shop: Shop, database_url: str, look: Look
) -> None:
    shop.edit("alembic/env.py", *CONNECTION_OF_OURS)
    shop.revision("shop_2", "shop_1", "\n".join([create_table("author"), 'raise ValueError("no")']))
    with pytest.raises(RevisionFailed, match="app: shop_2 failed: ValueError: no"):
        upgrade(database_url, shop.history, histories=[LIBRARY])
    assert "author" not in look.tables()
    assert "backoffice_shelf" in look.tables()


def test_an_env_with_a_database_of_its_own_is_told_of(
    shop: Shop, database_url: str, look: Look, tmp_path: Path
) -> None:
    shop.point_at(f"sqlite:///{tmp_path}/other.db")
    told: list[str] = []
    upgrade(database_url, shop.history, histories=[LIBRARY], tell=told.append)
    assert "other.db, which is not BACKOFFICE_DATABASE_URL" in "".join(told)
    assert "book" not in look.tables()
    assert "book" in Look(f"sqlite:///{tmp_path}/other.db").tables()


def test_the_same_database_by_another_driver_is_nothing_to_tell(
    shop: Shop, database_url: str
) -> None:
    shop.point_at(sync_url(database_url))
    told: list[str] = []
    upgrade(database_url, shop.history, histories=[], tell=told.append)
    assert "".join(told) == "app: shop_1 shop_1 ... done\n"


def test_the_logging_of_the_process_is_left_as_it_was(
    shop: Shop, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def state() -> list[object]:
        loggers = map(logging.getLogger, ("", "alembic", "backoffice.test"))
        return [(each.level, each.disabled, each.handlers[:]) for each in loggers]

    before = state()
    upgrade(database_url, shop.history, histories=[])
    assert state() == before
    assert "Running upgrade" not in capsys.readouterr().err


def test_several_heads_are_a_conflict_and_leave_the_packages_done(
    shop: Shop, database_url: str, look: Look
) -> None:
    shop.revision("shop_2a", "shop_1")
    shop.revision("shop_2b", "shop_1")
    with pytest.raises(Conflict, match=r"heads \(shop_2a, shop_2b\).*alembic merge") as refusal:
        upgrade(database_url, shop.history, histories=[LIBRARY])
    assert (refusal.value.exit_code, refusal.value.code) == (5, "several_heads")
    assert "backoffice_shelf" in look.tables()
    assert "book" not in look.tables()
    assert status(database_url, shop.history, histories=[])[0].state == "split"


def test_a_database_ahead_of_the_app_is_a_conflict(
    shop: Shop, database_url: str, look: Look
) -> None:
    upgrade(database_url, shop.history, histories=[])
    look.execute("UPDATE alembic_version SET version_num = 'shop_9'")
    with pytest.raises(Conflict, match="shop_9"):
        upgrade(database_url, shop.history, histories=[])
    assert status(database_url, shop.history, histories=[])[0].state == "ahead"


@pytest.mark.filterwarnings("ignore:Revision shop_0 referenced")
def test_a_revision_that_names_a_missing_one_is_told_in_one_line(
    shop: Shop, database_url: str
) -> None:
    shop.revision("shop_2", "shop_0")
    with pytest.raises(SetupError, match="app: a revision names 'shop_0'"):
        upgrade(database_url, shop.history, histories=[])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("alembic/env.py", "import nowhere_at_all\n", "ModuleNotFoundError: No module named"),
        ("alembic/env.py", "def broken(:\n", "SyntaxError"),
        ("alembic/env.py", "raise SystemExit('set DATABASE_URL')\n", "set DATABASE_URL"),
        ("alembic/versions/shop_1.py", "1 / 0\n", "ZeroDivisionError"),
        ("alembic.ini", "no section\n", "MissingSectionHeaderError"),
        ("alembic.ini", "[alembic]\n", "No 'script_location'"),
        ("alembic.ini", "[alembic]\nscript_location = gone\n", "Path doesn't exist: gone"),
    ],
)
def test_a_broken_project_is_told_in_one_line(
    make_shop: MakeShop, tmp_path: Path, name: str, text: str, told: str
) -> None:
    shop = make_shop(f"sqlite:///{tmp_path}/shop.db")
    (shop.folder / name).write_text(text)
    for look_or_change in (upgrade, status):
        with pytest.raises(SetupError, match=told) as refusal:
            look_or_change(shop.url, shop.history, histories=[])
        assert refusal.value.message.startswith("app: ")
        assert "\n" not in refusal.value.message


def test_an_env_whose_database_does_not_answer_is_unavailable(shop: Shop, tmp_path: Path) -> None:
    shop.point_at("postgresql+psycopg://someone:secret@127.0.0.1:1/nowhere")
    with pytest.raises(Unavailable) as refusal:
        upgrade(f"sqlite:///{tmp_path}/ours.db", shop.history, histories=[])
    assert "secret" not in refusal.value.message


def test_an_address_with_a_percent_sign_reaches_the_env(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    shop = make_shop(f"sqlite:///{tmp_path}/100%41.db")
    upgrade(shop.url, shop.history, histories=[])
    assert "book" in Look(shop.url).tables()


def test_a_relative_path_is_meant_from_the_file_that_holds_it(
    shop: Shop, database_url: str, look: Look
) -> None:
    shop.edit("alembic.ini", "%(here)s/alembic", "alembic")
    (shop.folder / "models_of_this_shop.py").touch()
    shop.edit("alembic/env.py", "from alembic", "import models_of_this_shop\nfrom alembic")
    upgrade(database_url, shop.history, histories=[])
    assert "book" in look.tables()


class TestFinding:
    """Where the app's history is looked for, from the present folder."""

    @pytest.fixture(autouse=True)
    def project(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text("[project]\nname = 'shop'\n")

    def test_an_app_without_one_has_none(self) -> None:
        assert app_history() is None

    def test_an_ini_beside_the_nearest_pyproject(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "alembic.ini").touch()
        (tmp_path / "deep").mkdir()
        monkeypatch.chdir(tmp_path / "deep")
        assert app_history() == AppHistory(tmp_path / "alembic.ini")

    def test_an_ini_in_the_present_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "deep").mkdir()
        (tmp_path / "deep" / "alembic.ini").touch()
        monkeypatch.chdir(tmp_path / "deep")
        assert app_history() == AppHistory(tmp_path / "deep" / "alembic.ini")

    def test_the_table_of_alembic_in_pyproject(self, tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text("[tool.alembic]\n")
        assert app_history() == AppHistory(None, tmp_path / "pyproject.toml")

    def test_the_one_that_the_project_names(self, tmp_path: Path) -> None:
        (tmp_path / "alembic.ini").touch()
        (tmp_path / "named").mkdir()
        (tmp_path / "named" / "its.ini").touch()
        (tmp_path / "pyproject.toml").write_text("[tool.backoffice]\nalembic = 'named/its.ini'\n")
        assert app_history() == AppHistory(tmp_path / "named" / "its.ini")

    @pytest.mark.parametrize("named", ["'gone.ini'", "7"])
    def test_a_name_that_leads_nowhere_is_refused(self, tmp_path: Path, named: str) -> None:
        (tmp_path / "pyproject.toml").write_text(f"[tool.backoffice]\nalembic = {named}\n")
        with pytest.raises(SetupError, match=r"must name an alembic\.ini"):
            app_history()
