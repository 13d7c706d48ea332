"""The history in a real browser, with scripts off: found, read, and a change taken back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.admin.browsing import Site, sign_in
from tests.admin.conftest import House, create_tables
from tests.services.databases import Databases


@pytest.fixture
def site(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with sqlite_databases.copy("admin", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with Site(House()) as found:
            yield found


def test_a_change_is_found_and_taken_back(site: Site, browser: Browser) -> None:
    """From the record to its history, to the question, to the deed."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site, "/books/edit?pk=1")
    page.goto(f"{site.url}/books/edit?pk=1")
    page.get_by_label("Title").fill("Mistaken")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("was saved")
    page.goto(f"{site.url}/books/detail?pk=1")
    page.get_by_role("main").get_by_role("link", name="History").click()
    expect(page.get_by_role("heading")).to_have_text("History of Mistaken")
    expect(page.get_by_role("listitem").filter(has_text="Changed")).to_contain_text("Title 01")
    page.get_by_role("link", name="Undo").click()
    assert site.book().title == "Mistaken"
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Undone")
    assert site.book().title == "Title 01"
    page.goto(f"{site.url}/history")
    page.get_by_label("Search").fill("nothing of the kind")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="There are no changes to show")).to_be_visible()
    context.close()
