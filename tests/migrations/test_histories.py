"""A package's history is one line of revisions, found and read without running the package."""

from pathlib import Path

import pytest

from backoffice.core import SetupError
from backoffice.migrations import PackageHistory, installed
from backoffice.migrations.histories import ordered
from tests.migrations.projects import LENDING, LIBRARY, install, write_revision


def test_revisions_are_read_from_the_files_in_their_order() -> None:
    assert [(each.id, each.doc) for each in LIBRARY.revisions] == [
        ("library_0001", "Shelves and the volumes on them"),
        ("library_0002", "The shelf of lost volumes"),
        ("library_0003", "A shelf must have a name"),
    ]


def test_the_order_is_that_of_the_requirements_and_not_of_the_names() -> None:
    first, last = PackageHistory("zoo", Path()), PackageHistory("ark", Path(), ("zoo",))
    assert ordered([last, first]) == (first, last)


def test_a_required_package_that_is_missing_is_named() -> None:
    with pytest.raises(SetupError, match="lending requires the tables of library"):
        ordered([LENDING])


def test_packages_that_require_each_other_are_refused() -> None:
    ark, zoo = PackageHistory("ark", Path(), ("zoo",)), PackageHistory("zoo", Path(), ("ark",))
    with pytest.raises(SetupError, match="require each other: "):
        ordered([ark, zoo])


@pytest.mark.parametrize("name", ["app", "Auth", "auth-two", "", "a" * 33, "1st"])
def test_a_name_that_no_table_could_have_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match="cannot name a history"):
        PackageHistory(name, Path())


@pytest.mark.parametrize(
    ("revisions", "told"),
    [
        ({"one": None, "two": None}, r"one line \(heads: one, two\)"),
        ({"one": None, "two": "one", "three": "one"}, r"one line \(heads: three, two\)"),
        ({"one": None, "three": "two"}, "one line"),
        ({"one": "one"}, "one line"),
        ({"x" * 33: None}, "no revision of a package"),
    ],
)
def test_a_history_that_is_no_line_is_refused(
    tmp_path: Path, revisions: dict[str, str | None], told: str
) -> None:
    for identity, down in revisions.items():
        write_revision(tmp_path / "versions", identity, down)
    with pytest.raises(SetupError, match=told):
        _ = PackageHistory("stock", tmp_path).revisions


def test_an_id_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    write_revision(tmp_path / "versions", "one", None)
    (tmp_path / "versions" / "again.py").write_text((tmp_path / "versions/one.py").read_text())
    with pytest.raises(SetupError, match="the same id"):
        _ = PackageHistory("stock", tmp_path).revisions


def test_a_merge_is_no_revision_of_a_package(tmp_path: Path) -> None:
    write_revision(tmp_path / "versions", "one", None)
    (tmp_path / "versions" / "two.py").write_text("revision = 'two'\ndown_revision = ('one', 'x')")
    with pytest.raises(SetupError, match=r"two\.py is no revision of a package"):
        _ = PackageHistory("stock", tmp_path).revisions


def test_a_folder_that_was_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="stock: there is no folder"):
        _ = PackageHistory("stock", tmp_path).revisions


class TestInstalled:
    """Entry points of the group `backoffice.migrations`."""

    @pytest.fixture
    def site(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        site = tmp_path / "site"
        (site / "acme" / "shelves" / "versions").mkdir(parents=True)
        monkeypatch.syspath_prepend(site)
        return site

    def test_packages_are_found_without_importing_them(self, site: Path) -> None:
        (site / "acme" / "__init__.py").write_text("raise RuntimeError('imported')")
        (site / "acme/shelves/__init__.py").write_text('REQUIRES = ("auth",)\nraise RuntimeError')
        install(site, shelves="acme.shelves")
        found = {history.name: history for history in installed()}
        assert found["shelves"] == PackageHistory("shelves", site / "acme/shelves", ("auth",))
        assert "auth" in found

    @pytest.mark.parametrize("written", ["['auth'", "('auth')", "tuple(NAMES)", "7"])
    def test_requirements_that_cannot_be_read_are_refused(self, site: Path, written: str) -> None:
        (site / "acme/shelves/__init__.py").write_text(f"REQUIRES = {written}\n")
        install(site, shelves="acme.shelves")
        with pytest.raises(SetupError, match="REQUIRES must be a tuple of names"):
            installed()

    def test_a_package_without_revisions_is_refused(self, site: Path) -> None:
        install(site, shelves="acme.nowhere")
        with pytest.raises(SetupError, match="shelves: there is no package"):
            installed()

    def test_a_name_that_two_packages_claim_is_refused(self, site: Path) -> None:
        install(site, auth="acme.shelves")
        with pytest.raises(SetupError, match="under the name 'auth'"):
            installed()
