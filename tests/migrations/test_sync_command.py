"""`backoffice migrate sync`, as it is typed, with the packages that are really installed."""

from pathlib import Path

import pytest

from backoffice.migrations.copying import difference
from backoffice.migrations.histories import PackageHistory, installed
from backoffice.migrations.scripts import Script, app_scripts
from tests.migrations.answers import Type
from tests.migrations.projects import SAMPLE, Look, Shop, install, write_revision


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """SQLite alone: these are about files."""
    return f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
def here(shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shop:
    """The app is the present folder; two packages with revisions are installed besides."""
    monkeypatch.syspath_prepend(SAMPLE)
    monkeypatch.syspath_prepend(install(tmp_path / "site", library="library", lending="lending"))
    shop.point_at(database_url)
    (shop.folder / "pyproject.toml").write_text("[project]\nname = 'shop'\n")
    monkeypatch.chdir(shop.folder)
    return shop


def copy_of(shop: Shop, revision: str) -> Script:
    return next(each for each in app_scripts(shop.history) if each.id == revision)


def library() -> PackageHistory:
    return next(each for each in installed() if each.name == "library")


class TestVerb:
    def test_a_rehearsal_says_what_would_be_copied(self, here: Shop, typed: Type) -> None:
        answer = typed("migrate", "sync", "library", "--dry-run", "--json")
        assert answer.code == 3
        assert [each["revision"] for each in answer.data["copied"]] == [
            *("library_0001", "library_0002", "library_0003")
        ]
        assert len(list(here.versions.glob("*.py"))) == 1

    def test_a_package_comes_with_those_that_it_requires(self, here: Shop, typed: Type) -> None:
        answer = typed("migrate", "sync", "lending")
        assert answer.code == 0
        assert answer.out.splitlines()[-1] == (
            "lending: lending_0001 -> alembic/versions/lending_0001_loans.py"
        )
        assert typed("migrate", "sync", "lending", "--dry-run").code == 0

    def test_an_env_that_would_have_the_tables_dropped_is_told_of(
        self, here: Shop, typed: Type
    ) -> None:
        assert "autogenerate" not in typed("migrate", "sync", "library", "--dry-run").err
        here.edit("alembic/env.py", "target_metadata = None", "target_metadata = []")
        assert "autogenerate" in typed("migrate", "sync", "library", "--dry-run").err
        here.edit("alembic/env.py", "target_metadata = []", "target_metadata = []  # env_options()")
        assert "autogenerate" not in typed("migrate", "sync", "library").err

    def test_a_package_that_has_to_stay_apart_is_said_or_refused(
        self, here: Shop, typed: Type
    ) -> None:
        here.revision("shop_2", "shop_1", 'op.execute("DELETE FROM backoffice_shelf")')
        answer = typed("migrate", "sync", "library")
        assert (answer.code, "your revision shop_2 refers to its tables" in answer.err) == (5, True)
        answer = typed("migrate", "sync")
        assert (answer.code, "library stays apart" in answer.err) == (0, True)
        assert typed("migrate", "up").code == 0

    def test_a_package_that_is_not_there_is_named(self, here: Shop, typed: Type) -> None:
        answer = typed("migrate", "sync", "stock")
        assert (answer.code, "there are: admin, auth, core" in answer.err) == (4, True)

    def test_an_app_without_a_history_is_told_what_to_do(self, typed: Type, tmp_path: Path) -> None:
        answer = typed("migrate", "sync")
        assert (answer.code, "migrate init" in answer.err) == (2, True)

    def test_what_is_missing_is_said_until_it_is_copied(self, here: Shop, typed: Type) -> None:
        typed("migrate", "sync", "library")
        copy_of(here, "library_0003").path.unlink()
        typed("migrate", "up")
        answer = typed("migrate", "status", "--json")
        assert answer.code == 3
        assert {each["history"]: each["state"] for each in answer.data} == {
            **dict.fromkeys(("admin", "auth", "core", "lending", "app"), "present"),
            "library": "unsynced",
        }
        typed("migrate", "sync", "library")
        typed("migrate", "up")
        assert typed("migrate", "status").code == 0

    def test_copies_of_a_package_that_is_gone_stay(
        self, here: Shop, typed: Type, tmp_path: Path
    ) -> None:
        typed("migrate", "sync")
        metadata = tmp_path / "site" / "sample-1.0.dist-info" / "entry_points.txt"
        metadata.write_text("[backoffice.migrations]\n")
        answer = typed("migrate", "sync")
        assert answer.code == 0
        assert "library is not installed any more; its copies stay" in answer.err
        assert typed("migrate", "up").code == 0


def test_adopted_users_are_written_into_the_copies(
    here: Shop, typed: Type, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.revision(
        "shop_2",
        "shop_1",
        'op.create_table("member", sa.Column("id", sa.BigInteger(), primary_key=True))',
    )
    typed("migrate", "up")
    look.execute(
        *(
            f"DROP TABLE {each}"
            for each in sorted(look.tables())
            if each.startswith("alembic_version_")
        )
    )
    monkeypatch.setenv("BACKOFFICE_MIGRATIONS__USER_TABLE", "member")
    assert typed("migrate", "sync", "auth").code == 0
    text = copy_of(here, "auth_0001").path.read_text()
    assert (
        'USERS: tuple[str, sa.types.TypeEngine[Any]] | None = ("member.id", sa.BigInteger())'
        in text
    )


class TestChecksums:
    """Whether a copy is still what it was, in whatever form."""

    @pytest.fixture
    def synced(self, here: Shop, typed: Type) -> Shop:
        typed("migrate", "sync", "library")
        return here

    def edit(self, shop: Shop, old: str, new: str) -> Script:
        path = copy_of(shop, "library_0002").path
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return copy_of(shop, "library_0002")

    def test_one_that_nobody_touched(self, synced: Shop) -> None:
        assert difference(copy_of(synced, "library_0002"), library()) is None

    def test_one_that_a_formatter_has_been_over(self, synced: Shop) -> None:
        edited = self.edit(synced, '[{"name": "lost"}]', "[\n    {'name': 'lost'},\n]")
        assert difference(edited, library()) is None

    def test_one_that_stands_on_another_revision_after_a_rebase(self, synced: Shop) -> None:
        edited = self.edit(synced, 'None = "library_0001"', 'None = "other"')
        assert difference(edited, library()) is None

    def test_one_that_was_changed(self, synced: Shop) -> None:
        edited = self.edit(synced, '[{"name": "lost"}]', '[{"name": "found"}]')
        assert "changed since it was copied" in str(difference(edited, library()))

    def test_one_whose_original_was_changed(self, synced: Shop, tmp_path: Path) -> None:
        folder = tmp_path / "later"
        write_revision(folder / "versions", "library_0001", None)
        write_revision(folder / "versions", "library_0002", "library_0001")
        told = difference(copy_of(synced, "library_0002"), PackageHistory("library", folder))
        assert "ships another library_0002 than 1.0 did" in str(told)

    def test_one_that_the_installed_version_does_not_have(
        self, synced: Shop, tmp_path: Path
    ) -> None:
        write_revision(tmp_path / "older" / "versions", "library_0001", None)
        older = PackageHistory("library", tmp_path / "older")
        assert difference(copy_of(synced, "library_0002"), older) is None
