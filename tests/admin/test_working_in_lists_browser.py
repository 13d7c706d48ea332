"""Working in a list in a real browser: by keys alone, in its cells, and in panels above it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.admin.browsing import Site, sign_in
from tests.admin.test_list_filters import Filtered
from tests.services.databases import Databases
from tests.services.page_log import PageLog


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture
def site(settings: None) -> Iterator[Site]:
    with Site(Filtered()) as found:
        yield found


LIST = "/books?cols=title,price,author_id,in_print,status&sort=title__asc"


def come_to(page: Page, site: Site, path: str) -> None:
    """To a page whose scripts are at work."""
    sign_in(page, site)
    page.goto(site.url + path)


def test_a_keyboard_is_enough(site: Site, page: Page, page_log: PageLog) -> None:
    """Through rows and cells, to choose, to change, to search, and to see the keys."""
    come_to(page, site, LIST)
    press = page.keyboard.press
    for key in "jj":
        press(key)
    expect(page.get_by_role("link", name="Title 02")).to_be_focused()
    press("x")
    expect(page.get_by_role("checkbox", name="Choose 2", exact=True)).to_be_checked()
    press("l")
    press("i")
    expect(page.get_by_role("spinbutton", name="Price")).to_be_focused()
    page.keyboard.type("x")
    press("Enter")
    expect(page.locator("#cell-price-error")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("spinbutton", name="Price")).to_have_count(0)
    expect(page.locator("td:focus")).to_have_text("9.90")
    press("i")
    expect(page.get_by_role("spinbutton", name="Price")).to_be_focused()
    page.keyboard.type("12.5")
    press("Enter")
    expect(page.locator("td:focus")).to_have_text("12.50")
    expect(page.get_by_role("link", name="History and undo")).to_be_visible()
    assert str(site.book(2).price) == "12.50"
    press("Shift+?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    press("/")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.keyboard.type("jx Title 07")
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("jx Title 07")
    # The browser itself tells of the answer with an error.
    assert [each for each in page_log.console_errors if "422" not in each] == []
    assert page_log.violations == []


def test_a_cell_is_changed_by_the_mouse(site: Site, page: Page, page_log: PageLog) -> None:
    """A reference is found by typing; a second click saves, and Cancel leaves it as it was."""
    come_to(page, site, LIST)
    row = page.get_by_role("row").filter(has_text="Title 03")
    row.hover()
    row.get_by_role("button", name="Edit Author here").click()
    page.get_by_label("Find author").last.fill("Grace")
    page.locator("#cell-author_id").select_option(label="Grace")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("link", name="Grace")).to_be_visible()
    row.get_by_text("Yes").dblclick()
    row.get_by_label("In print", exact=True).uncheck()
    row.get_by_role("link", name="Cancel").click()
    expect(row.get_by_text("Yes")).to_be_visible()
    book = site.book(3)
    assert (book.author_id, book.in_print) == (2, True)
    assert page_log.console_errors == []


def test_the_builder_finds_a_record_by_its_name(site: Site, page: Page) -> None:
    """What it has found stands on a chip, and in the builder when it is opened again."""
    come_to(page, site, "/books")
    panel = page.locator(".filter")
    for _ in range(2):
        panel.get_by_text("Filter", exact=True).click()
        panel.get_by_label("Field").select_option("Author")
        panel.get_by_role("searchbox").fill("Author 150")
        panel.get_by_label("Value", exact=True).select_option(label="Author 150")
        panel.get_by_role("button", name="Apply").click()
        expect(page.locator(".chips").get_by_text("Author: Author 150")).to_be_visible()
    panel.get_by_text("Filter", exact=True).click()
    expect(panel.get_by_label("Value", exact=True)).to_have_value("150")
    panel.get_by_label("Condition").select_option("is not")
    panel.get_by_role("searchbox").fill("Author 150")
    panel.get_by_label("Value", exact=True).select_option(label="Author 150")
    panel.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("Nothing matches")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_columns_are_chosen_and_a_view_is_kept(site: Site, browser: Browser, scripts: bool) -> None:
    """In a panel above the list, or on a page of its own."""
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    come_to(page, site, "/books")
    page.get_by_role("link", name="Columns").click()
    expect(page.get_by_role("dialog")).to_have_count(int(scripts))
    page.get_by_role("checkbox", name="Price").check()
    for _ in range(8):
        page.get_by_role("button", name="Move Price up").click()
    page.get_by_role("button", name="Show these columns").click()
    expect(page.get_by_role("columnheader").nth(1)).to_have_text("Price")
    page.get_by_role("link", name="Price", exact=True).click()
    page.get_by_role("link", name="Views").click()
    page.get_by_label("Name", exact=True).fill("By price")
    page.get_by_label("Open the list with it").check()
    page.get_by_role("button", name="Save the view").click()
    expect(page.get_by_role("status").filter(has_text="The view was saved.")).to_be_visible()
    page.goto(site.url + "/books")
    expect(page.get_by_role("link", name="By price")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("columnheader", name="Price")).to_have_attribute(
        "aria-sort", "ascending"
    )
    context.close()
