"""The pages in a real browser: nothing from elsewhere, no violation, no error, with and without
scripts. `page` itself fails when a page asks another host or breaks its own policy."""

import os
import threading
import time
from collections.abc import Iterator

import anyio
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route, expect
from sqlmodel import Session, create_engine

from backoffice.auth import User
from backoffice.core import Run
from tests.admin.conftest import House
from tests.admin.library import Author, Book, BookTag, Tag
from tests.auth.conftest import PASSWORD
from tests.services.databases import Databases
from tests.services.page_log import PageLog
from tests.services.process import free_port

START_SECONDS = 20


class Site:
    """The app behind a real server, in a thread of this process."""

    def __init__(self, house: House) -> None:
        self.house = house
        anyio.run(self._stock)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/admin"
        self._server = uvicorn.Server(
            uvicorn.Config(self.house.app, port=port, log_level="warning")
        )
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> "Site":
        self._thread.start()
        ends = time.monotonic() + START_SECONDS
        while not self._server.started and time.monotonic() < ends:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    def book(self, key: int = 1) -> Book:
        """The book as the database has it."""
        url = os.environ["BACKOFFICE_DATABASE_URL"].replace("+aiosqlite", "")
        engine = create_engine(url)
        with Session(engine) as session:
            book = session.get(Book, key)
        engine.dispose()
        assert book is not None
        return book

    async def _stock(self) -> None:
        async with Run(self.house.app) as run:
            services = await run.open(self.house.auth.services)
            ann: User = await services.users.create(
                "ann@example.com", PASSWORD, superuser=True, actor="test"
            )
            await services.keys.create(ann, "nightly import", actor="test")
            await services.roles.create("editor", ["books:*"], actor="test")
            async with services.database.session() as session:
                names = ["Ada", "Grace", *(f"Author {number}" for number in range(3, 151))]
                session.add_all(Author(name=name) for name in names)
                session.add(Tag(name="new"))
                await session.commit()
                session.add_all(
                    Book(title=f"Title {number:02}", isbn=str(number), author_id=150)
                    for number in range(1, 41)
                )
                await session.commit()
                session.add(BookTag(book_id=1, tag_name="new"))
                await session.commit()


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture
def site(settings: None, built: House) -> Iterator[Site]:
    with Site(built) as found:
        yield found


def sign_in(page: Page, site: Site, path: str = "/") -> None:
    page.goto(site.url + path)
    page.get_by_label("E-mail").fill("ann@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


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
    page.get_by_label("Condition").select_option("Ends with")
    page.get_by_label("Value").fill("7")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("a.record")).to_have_text(["Title 07", "Title 17", "Title 27", "Title 37"])
    page.get_by_text("Filter", exact=True).click()
    expect(page.get_by_label("Value")).to_have_value("7")
    page.get_by_role("link", name="Title 07").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Title").fill("Found")
    page.get_by_role("searchbox", name="Find author_id").fill("grace")
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
        page.get_by_role("searchbox", name="Find author_id").fill("grace")
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
    page.get_by_role("link", name="Title 01").click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Summary").fill("Read it.")
    page.get_by_role("button", name="Save", exact=True).click()
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


def test_the_first_page_after_signing_in_is_light(site: Site, page: Page) -> None:
    """Everything that is transferred, together, in bytes and not compressed."""
    sizes: list[int] = []
    sign_in(page, site)
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.goto(f"{site.url}/books")
    page.wait_for_load_state("networkidle")
    assert 5_000 < sum(sizes) < 80_000
