"""The pages that tell how the running app is: its health, the audit log's chain, migrations."""

from pathlib import Path

import pytest
from sqlalchemy import text

from backoffice.admin.operations import menu
from backoffice.core import Run, SetupError
from backoffice.core.reports import Report, Reporting
from tests.admin.conftest import House


def change(house: House, statement: str) -> None:
    async def changed() -> None:
        async with house.services.database.session() as session:
            await (await session.connection()).execute(text(statement))
            await session.commit()

    house.call(changed())


def test_health_tells_of_parts_versions_and_disks(house: House) -> None:
    """And of what to mend, where that is asked for."""
    house.signed_in("health:read")
    page = house.open("/system/health").text
    for told in ("All is well.", "database", "fastapi-backoffice-admin", "are free in"):
        assert told in page
    assert "What there is to mend" not in page
    thorough = house.open("/system/health?thorough=yes").text
    assert "core.secret-key" in thorough
    assert "ratelimit.counting" in thorough
    assert "see the page Migrations" in thorough
    assert "kkkk" not in thorough


def test_a_chain_that_was_tampered_with_is_told(house: House) -> None:
    house.signed_in("audit:view")
    assert "The log is" not in house.open("/system/chain").text
    assert "The log is whole." in house.open("/system/chain?thorough=yes").text
    change(house, "UPDATE backoffice_audit SET address = '10.0.0.1' WHERE number = 1")
    page = house.open("/system/chain?thorough=yes").text
    assert "The log is not as it was written." in page
    assert "entry 1 is not as it was written" in page


def test_migrations_tell_what_is_pending_and_what_it_would_do(house: House) -> None:
    """The tables of the tests are made by no migration, so that all of them are pending."""
    house.signed_in("migrations:view")
    page = house.open("/system/migrations").text
    assert "backoffice migrate up" in page
    assert "auth_0001" in page
    assert "What the pending revisions would do" not in page
    judged = house.open("/system/migrations?thorough=yes").text
    title = judged.index("What the pending revisions would do")
    assert "could not be judged" not in judged[title:]


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_files_of_the_project_that_are_not_there_are_told(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = nowhere\n")
    monkeypatch.chdir(tmp_path)
    house.signed_in("migrations:view")
    for query in ("", "?thorough=yes"):
        page = house.open(f"/system/migrations{query}")
        assert page.status_code == 200
        assert "exist: nowhere" in page.text


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_each_page_asks_for_its_permission(house: House) -> None:
    house.signed_in("books:view")
    menu = house.open("/").text
    for name in ("health", "chain", "migrations", "limits", "outbox"):
        assert f"/system/{name}" not in menu
        for query in ("", "?thorough=yes"):
            assert house.open(f"/system/{name}{query}").status_code == 403


@pytest.mark.parametrize("name", ["health", "search"])
def test_a_report_that_takes_the_name_of_another_page_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def report(run: Run, thorough: bool) -> Report:
        raise AssertionError

    reporting = Reporting(name, "Search", "search-indexes:view", report)
    monkeypatch.setattr(menu, "reportings", lambda: [reporting, reporting])
    with pytest.raises(SetupError, match=f"called '{name}'"):
        menu.SystemPages()
