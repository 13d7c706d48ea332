"""Lists in a real browser, with scripts and without: pages, facets, and what is referred to."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.admin.browsing import Site, sign_in
from tests.admin.test_list_filters import Filtered
from tests.services.databases import Databases


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture
def site(settings: None) -> Iterator[Site]:
    with Site(Filtered()) as found:
        yield found


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def either(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=request.param)
    yield context.new_page()
    context.close()


def first(page: Page) -> str:
    return page.locator("a.record").first.inner_text()


def test_one_leafs_through_a_list(site: Site, either: Page) -> None:
    """Forth, back, to the end and to the start."""
    sign_in(either, site, "/books?page_size=10")
    expect(either.get_by_text("1 to 10 of 40")).to_be_visible()
    either.get_by_role("link", name="Next").click()
    either.get_by_role("link", name="Next").click()
    expect(either.get_by_text("21 to 30 of 40")).to_be_visible()
    assert first(either) == "Title 21"
    either.get_by_role("link", name="Previous").click()
    expect(either.get_by_text("11 to 20 of 40")).to_be_visible()
    assert first(either) == "Title 11"
    either.get_by_role("link", name="Last").click()
    expect(either.get_by_role("link", name="Next")).to_have_count(0)
    assert first(either) == "Title 31"
    either.get_by_role("link", name="First").click()
    expect(either.get_by_text("1 to 10 of 40")).to_be_visible()


def test_a_list_is_filtered_by_what_is_found_by_typing(site: Site, either: Page) -> None:
    """The author of all books is the last of 150."""
    sign_in(either, site, "/books")
    finding = either.get_by_label("Find author")
    finding.fill("Author 150")
    if either.locator('input[name="find.author_id"]').count():
        either.get_by_role("button", name="Show", exact=True).click()
    author = either.get_by_label("Author", exact=True)
    author.select_option(label="Author 150")
    either.get_by_label("In print", exact=True).select_option(label="Yes")
    either.get_by_role("button", name="Show", exact=True).click()
    expect(either.get_by_text("Author: Author 150")).to_be_visible()
    expect(either.get_by_text("1 to 25 of 40")).to_be_visible()
    either.get_by_label("In print", exact=True).select_option(label="No")
    either.get_by_role("button", name="Show", exact=True).click()
    expect(either.get_by_role("heading", name="Nothing matches")).to_be_visible()


def test_whom_a_record_refers_to_is_found_beyond_the_first(site: Site, either: Page) -> None:
    """The form lists a hundred; what was typed besides is kept."""
    sign_in(either, site, "/books/edit?pk=1")
    either.get_by_label("Summary").fill("Of somebody else.")
    either.get_by_label("Find author").fill("Author 149")
    find = either.get_by_role("button", name="Find").first
    if find.count():
        find.click()
    either.get_by_label("Author", exact=True).select_option(label="Author 149")
    either.get_by_role("button", name="Save", exact=True).last.click()
    expect(either.get_by_role("status")).to_contain_text("was saved.")
    book = site.book()
    assert (book.author_id, book.summary) == (149, "Of somebody else.")


def test_a_look_up_shows_more_and_more(site: Site, page: Page) -> None:
    """Fifty at a time, by a button."""
    sign_in(page, site, "/books")
    page.get_by_label("Find author").focus()
    options = page.get_by_label("Author", exact=True).locator("option")
    expect(options).to_have_count(51)
    page.get_by_role("button", name="Show more").first.click()
    expect(options).to_have_count(101)
