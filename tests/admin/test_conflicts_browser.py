"""Two editors in two tabs of a real browser, with scripts off."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

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


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_the_second_is_shown_what_differs_and_chooses(site: Site, browser: Browser) -> None:
    """Nothing of either is lost, though no script runs."""
    context = browser.new_context(java_script_enabled=False)
    first, second = context.new_page(), context.new_page()
    sign_in(first, site, "/books/edit?pk=1")
    for page in (first, second):
        page.goto(f"{site.url}/books/edit?pk=1")
    first.get_by_label("Title").fill("Theirs")
    first.get_by_label("ISBN").fill("theirs")
    save(first)
    second.get_by_label("Title").fill("Mine")
    second.get_by_label("Summary").fill("mine")
    save(second)
    title = second.get_by_role("group", name="Title")
    for text in ("Title 01", "Theirs", "Mine"):
        expect(title).to_contain_text(text)
    assert site.book().title == "Theirs"
    save(second)  # without a choice
    assert site.book().title == "Theirs"
    title.get_by_label("Keep mine").check()
    save(second)
    expect(second.get_by_role("status")).to_contain_text("was saved")
    found = site.book()
    assert (found.title, found.isbn, found.summary) == ("Mine", "theirs", "mine")
    assert found.author_id == 150
    context.close()
