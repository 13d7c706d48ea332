"""The pages in a real browser: nothing from elsewhere, no violation, no error, with and without
scripts. `page` itself fails when a page asks another host or breaks its own policy."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.admin.browsing import Site, sign_in
from tests.admin.conftest import House
from tests.services.databases import Databases
from tests.services.page_log import PageLog


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture
def site(settings: None, built: House) -> Iterator[Site]:
    with Site(built) as found:
        yield found


def test_every_page_keeps_to_itself(site: Site, page: Page, page_log: PageLog) -> None:
    """Each kind of page, of the app's models and of accounts; the console stays silent."""
    sign_in(page, site)
    for view in site.house.admin.site._model_views:
        page.goto(f"{site.url}/{view.key}")
        link = page.locator("a.record").first
        if link.count():
            link.click()
            edit = page.get_by_role("link", name="Edit", exact=True)
            if edit.count():
                edit.click()
                expect(page.get_by_role("button", name="Save", exact=True)).to_be_visible()
        page.goto(f"{site.url}/{view.key}")
        add = page.get_by_role("link", name="Add", exact=False).first
        if add.count():
            add.click()
    page.goto(f"{site.url}/books/action?name=delete&pks=1")
    expect(page.get_by_role("button", name="Delete")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page_log.console_errors == []


def test_a_book_is_found_filtered_and_edited(site: Site, page: Page, page_log: PageLog) -> None:
    """The whole way of an editor, by hand."""
    sign_in(page, site, "/books?sort=title__asc")
    assert page.url.endswith("/admin/books?sort=title__asc")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Field").select_option("Title")
    page.get_by_label("Condition").select_option("ends with")
    page.get_by_label("Value").fill("7")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("a.record")).to_have_text(["Title 07", "Title 17", "Title 27", "Title 37"])
    page.get_by_text("Filter", exact=True).click()
    expect(page.get_by_label("Value")).to_have_value("7")
    page.get_by_role("link", name="Title 07", exact=True).click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Title").fill("Found")
    page.get_by_role("searchbox", name="Find author").fill("grace")
    expect(page.locator("#author_id option")).to_have_text(["", "Author 150", "Grace"])
    page.get_by_label("Author", exact=True).select_option("Grace")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Book “Found” was saved.")
    assert (site.book(7).title, site.book(7).author_id) == ("Found", 2)
    assert page_log.console_errors == []


def test_choosing_all_and_deleting(site: Site, page: Page) -> None:
    """The boxes, the question, the deed."""
    sign_in(page, site, "/books?page_size=10")
    page.get_by_label("Choose all on this page").check()
    expect(page.locator(".chosen")).to_have_text("10 chosen")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name="Delete 10 books?")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_have_text("Delete: 10 records.")


@pytest.mark.parametrize("answer", ["forbidden", "lagging"])
def test_a_lookup_that_fails_or_lags_loses_nothing(site: Site, page: Page, answer: str) -> None:
    """What was chosen stays chosen, whatever becomes of the look-up."""
    held: list[Route] = []

    def lookup(route: Route) -> None:
        if answer == "forbidden":
            route.fulfill(status=403)
        else:
            held.append(route)

    sign_in(page, site, "/books/edit?pk=1")
    page.route("**/lookup*", lookup)
    with page.expect_request("**/authors/lookup*"):
        page.get_by_role("searchbox", name="Find author").fill("grace")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_be_visible()
    assert site.book().author_id == 150
    for route in held:
        route.abort()


def test_the_plain_tasks_work_without_scripts(site: Site, browser: Browser) -> None:
    """Signing in, searching, editing, deleting; and no relation is lost."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site, "/books")
    page.get_by_label("Search").fill("Title 01")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Title 01", exact=True).click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Summary").fill("Read it.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("was saved")
    book = site.book()
    assert (book.summary, book.author_id) == ("Read it.", 150)
    page.goto(f"{site.url}/books/detail?pk=1")
    expect(page.get_by_role("link", name="new")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_have_text("Delete: “Title 01”.")
    context.close()


def test_no_page_is_wider_than_a_phone(site: Site, browser: Browser) -> None:
    """Nothing has to be pushed sideways but the menu."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    sign_in(page, site)
    for path in ("/", "/books", "/books/detail?pk=1", "/books/edit?pk=1", "/users", "/audit"):
        page.goto(site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    context.close()
