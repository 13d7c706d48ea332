"""Imports and the palette in a real browser, with and without scripts, by keys alone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.admin.browsing import Site, sign_in
from tests.admin.conftest import House
from tests.services.databases import Databases
from tests.services.page_log import PageLog

PATIENCE = 60_000
FILE = FilePayload(
    name="new books.csv",
    mimeType="text/csv",
    buffer=(
        b"Title,ISBN,Author,Price,Shelf\n"
        b'Title 01,1,Author 150,3.50,A\n"A new one",n1,Ada,12,B\nWithout,,Ada,1,B\n'
    ),
)


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture
def site(settings: None, built: House) -> Iterator[Site]:
    with Site(built) as found:
        yield found


def import_file(page: Page, site: Site) -> None:
    """From the list to the end."""
    sign_in(page, site, "/books")
    page.get_by_role("link", name="Import").click()
    page.get_by_label("File").set_input_files(FILE)
    page.get_by_role("button", name="Next").click()
    expect(
        page.get_by_role("heading", name="What are the columns of new books.csv?")
    ).to_be_visible()
    expect(page.get_by_label("Author")).to_have_value("author_id")
    expect(page.get_by_label("Shelf")).to_have_value("")
    expect(page.get_by_label("A row is")).to_have_value("isbn")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("To be changed")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("cell", name="9.90 3.50")).to_be_visible()
    expect(page.get_by_text("This field is required.")).to_be_visible()
    page.get_by_role("button", name="Import 2 rows").click()
    expect(page.get_by_text("The import is finished.")).to_be_visible(timeout=PATIENCE)
    with page.expect_download() as download:
        page.get_by_role("link", name="All of them as CSV").click()
    assert download.value.suggested_filename == "books-refused.csv"


def test_a_file_is_imported(site: Site, page: Page, page_log: PageLog) -> None:
    """What would come of it is seen before; the page follows what is done."""
    import_file(page, site)
    assert f"{site.book(1).price}" == "3.50"
    assert site.book(41).title == "A new one"
    assert page_log.console_errors == []


def test_a_file_is_imported_without_scripts_on_a_phone(site: Site, browser: Browser) -> None:
    """Nothing is wider than the page."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    page = context.new_page()
    import_file(page, site)
    page.goto(f"{site.url}/search?q=a+new")
    page.get_by_role("link", name="A new one").click()
    expect(page.get_by_role("heading", name="A new one")).to_be_visible()
    context.close()
    wide = browser.new_context(viewport={"width": 390, "height": 800})
    page = wide.new_page()
    sign_in(page, site, "/books/import")
    for path in ("/books/import", "/books/import?pk=1", "/search?q=title"):
        page.goto(site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    wide.close()


def test_whatever_there_is_is_opened_by_keys_alone(
    site: Site, page: Page, page_log: PageLog
) -> None:
    """From any page, wherever one types; what was opened last is closed by Escape."""
    sign_in(page, site, "/books/add")
    page.get_by_label("Title").fill("half a title")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search")
    expect(palette.get_by_role("link", name="History")).to_be_visible()
    page.keyboard.type("author 149")
    expect(palette.get_by_role("link", name="Author 149")).to_be_visible()
    page.keyboard.press("Escape")
    expect(palette).to_be_hidden()
    expect(page.get_by_label("Title")).to_be_focused()
    expect(page.get_by_label("Title")).to_have_value("half a title")
    page.get_by_label("Title").fill("")
    page.keyboard.press("Control+k")
    page.keyboard.type("import")
    expect(palette.get_by_role("link", name="nightly import")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(palette.get_by_role("link", name="Import books")).to_be_focused()
    page.keyboard.type("s t")
    expect(palette.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("title 07")
    expect(palette.get_by_role("link", name="Title 07")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Title 07")).to_be_visible()
    assert page_log.console_errors == []


def test_a_palette_that_gets_no_answer_says_so(site: Site, page: Page, page_log: PageLog) -> None:
    """And Enter leads to the page that needs no script."""
    sign_in(page, site)
    page.route("**/search?*", lambda route: route.abort())
    page.get_by_role("link", name="Search").click()
    expect(page.get_by_text("It cannot be searched now.")).to_be_visible()
    page_log.console_errors.clear()
    page.unroute("**/search?*")
    page.get_by_role("searchbox").fill("title 07")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Title 07").first).to_be_visible()
