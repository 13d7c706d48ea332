"""Bulk jobs in a real browser, with and without scripts."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.admin.browsing import Site, sign_in
from tests.admin.conftest import House
from tests.services.databases import Databases
from tests.services.page_log import PageLog

PATIENCE = 60_000


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture
def site(settings: None, built: House) -> Iterator[Site]:
    with Site(built) as found:
        yield found


def delete_all(page: Page, site: Site) -> None:
    """From the list to the page of the job."""
    sign_in(page, site, "/books?page_size=10&q=Title")
    page.locator("input[name=pks]").first.check()
    page.get_by_label("or with all 40 that match").check()
    page.get_by_label("With those chosen").select_option("delete")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name="Delete 40 books?")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Delete: Books")).to_be_visible()


def test_a_job_is_started_and_watched(site: Site, page: Page, page_log: PageLog) -> None:
    """The page follows it without being loaded again by hand."""
    delete_all(page, site)
    expect(page.get_by_role("status")).to_have_text("Done: 40 of 40 done.", timeout=PATIENCE)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "40")
    page.get_by_role("link", name="Bulk jobs").first.click()
    expect(page.get_by_role("cell", name="40 of 40 done")).to_be_visible()
    assert page_log.console_errors == []


def test_the_same_works_without_scripts(site: Site, browser: Browser) -> None:
    """The page loads itself again until the job is over."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    delete_all(page, site)
    expect(page.get_by_role("status")).to_have_text("Done: 40 of 40 done.", timeout=PATIENCE)
    context.close()


@pytest.mark.parametrize("path", ["/bulk-jobs", "/books/action?name=delete&all=1"])
def test_its_pages_are_no_wider_than_a_phone(site: Site, browser: Browser, path: str) -> None:
    """Nothing has to be pushed sideways but the menu."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    sign_in(page, site)
    page.goto(site.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
