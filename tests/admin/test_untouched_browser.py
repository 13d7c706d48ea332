"""A field that nobody touched is not changed by saving: whatever the browser makes of its value,
and whatever becomes of the look-ups of its form."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlmodel import Session, SQLModel, create_engine, select

from backoffice.auth import Role, User
from backoffice.auth.models import RolePermission, UserRole
from backoffice.core import Run
from tests.admin.browsing import Site, sign_in
from tests.admin.conftest import House
from tests.admin.library import Author, Book, BookTag, Copy, Status, Tag
from tests.auth.conftest import PASSWORD
from tests.services.databases import Databases
from tests.services.page_log import PageLog

LAG = 3_000
#: What a form changes on its way if it is careless: line ends, spaces, fractions, what is empty.
BOOKS: list[dict[str, Any]] = [
    {"title": "  two  spaces ", "summary": "one\ntwo\n\n three \n", "weight": 0.1 + 0.2},
    {"title": "\nfirst line", "summary": "\n\nlate\n", "price": Decimal("0.10"), "weight": 1e-7},
    {"title": "tab\tand\u00a0space", "summary": "a\r\nb\rc\nd", "extra": {"b": [1, None, "\n"]}},
    {"title": "é \u202e x 𝄞", "summary": " ", "extra": {}, "in_print": False, "pages": -3},
    {"title": "", "summary": "", "extra": None, "published": date(999, 1, 2), "weight": 1e21},
]
TABLES: tuple[type[SQLModel], ...] = (Author, Tag, Book, BookTag, Copy)
ACCOUNTS: tuple[type[SQLModel], ...] = (User, Role, RolePermission, UserRole)


class Careful(Site):
    """Books whose values are easily changed by being shown and sent back."""

    async def _stock(self) -> None:
        await super()._stock()
        async with Run(self.house.app) as run:
            services = await run.open(self.house.auth.services)
            await services.users.create("bob@example.com", PASSWORD, roles=["editor"], actor="test")
            async with services.database.session() as session:
                session.add(Author(name="Secretive", secret_note="keep", password_hash="kept"))
                session.add(Tag(name="two words"))
                await session.commit()
                for number, values in enumerate(BOOKS, 101):
                    session.add(_book(number, values))
                    await session.commit()
                    session.add(BookTag(book_id=number, tag_name="new"))
                    session.add(BookTag(book_id=number, tag_name="two words"))
                    session.add(Copy(book_id=number, number=7, shelf=" a  b "))
                await session.commit()

    def rows(self, *models: type[SQLModel]) -> dict[str, list[str]]:
        """All that is in these tables, as the database has it."""
        engine = create_engine(os.environ["BACKOFFICE_DATABASE_URL"].replace("+aiosqlite", ""))
        with Session(engine) as session:
            found = {
                model.__name__: sorted(repr(each.model_dump()) for each in _all(session, model))
                for model in models
            }
        engine.dispose()
        return found


def _all(session: Session, model: type[SQLModel]) -> list[SQLModel]:
    return list(session.exec(select(model)).all())


def _book(number: int, values: dict[str, Any]) -> Book:
    moment = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
    given = {"status": Status.out, "editor_id": 2, **values}
    return Book(id=number, isbn=f"x{number}", author_id=150, added_at=moment, **given)


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: what a database answers is tested without a browser, on both."""
    return sqlite_databases


@pytest.fixture
def site(settings: None, built: House) -> Iterator[Careful]:
    with Careful(built) as found:
        yield found


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
def either(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=request.param)
    yield context.new_page()
    context.close()


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("was saved.")


def test_saving_what_was_only_looked_at_changes_nothing(site: Careful, either: Page) -> None:
    """Of each kind of record, by each form, all columns."""
    before = site.rows(*TABLES)
    sign_in(either, site)
    keys = [f"/books/edit?pk={number}" for number in range(101, 101 + len(BOOKS))]
    for path in (*keys, "/authors/edit?pk=151", "/copies/edit?pk=101,7"):
        either.goto(site.url + path)
        save(either)
        assert site.rows(*TABLES) == before, path


def test_nor_of_accounts(site: Careful, either: Page) -> None:
    """Users with their roles, roles with their permissions."""
    before = site.rows(*ACCOUNTS)
    sign_in(either, site)
    for resource, label in (("users", "bob@example.com"), ("roles", "editor")):
        either.goto(f"{site.url}/{resource}")
        either.get_by_role("link", name=label, exact=True).click()
        either.get_by_role("link", name="Edit", exact=True).click()
        save(either)
        assert site.rows(*ACCOUNTS) == before, resource


def _forbidden(page: Page) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=403, json={"detail": {"code": "forbidden"}})


def _broken(page: Page) -> Callable[[Route], None]:
    return lambda route: route.fulfill(status=500, body="<html>")


def _gone(page: Page) -> Callable[[Route], None]:
    return lambda route: route.abort()


def _empty(page: Page) -> Callable[[Route], None]:
    return lambda route: route.fulfill(json={"items": [], "more": False})


def _odd(page: Page) -> Callable[[Route], None]:
    return lambda route: route.fulfill(json={"items": None})


def _lagging(page: Page) -> Callable[[Route], None]:
    def late(route: Route) -> None:
        page.wait_for_timeout(LAG)
        route.continue_()

    return late


@pytest.mark.parametrize("answer", [_forbidden, _broken, _gone, _empty, _odd, _lagging])
def test_no_look_up_changes_what_is_chosen(
    site: Careful,
    page: Page,
    page_log: PageLog,
    answer: Callable[[Page], Callable[[Route], None]],
) -> None:
    """Typed into, and left; of a reference, and of a list of records."""
    before = site.rows(*TABLES)
    sign_in(page, site, "/books/edit?pk=101")
    page.route("**/lookup*", answer(page))
    for search in page.get_by_role("searchbox").all():
        with page.expect_request("**/lookup*"):
            search.fill("grace")
    page.wait_for_timeout(LAG // 6)
    save(page)
    assert site.rows(*TABLES) == before
    page_log.console_errors.clear()


def test_saving_before_a_look_up_has_answered(site: Careful, page: Page) -> None:
    """One that answers three seconds later, to a page that is gone by then."""
    before = site.rows(*TABLES)
    held: list[Route] = []
    sign_in(page, site, "/books/edit?pk=101")
    page.route("**/lookup*", lambda route: held.append(route))
    with page.expect_request("**/lookup*"):
        page.get_by_role("searchbox").first.fill("grace")
    page.get_by_label("Title").fill("Touched")
    save(page)
    for route in held:
        route.abort()
    after = site.rows(*TABLES)
    assert [each for each in after["Book"] if each not in before["Book"]] == [
        each.replace(repr(BOOKS[0]["title"]), "'Touched'")
        for each in before["Book"]
        if repr(BOOKS[0]["title"]) in each
    ]
    assert {**after, "Book": []} == {**before, "Book": []}
