"""The admin of the running shop in a real browser."""

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import SQLModel

from example_app.models import Author, Book, Order, OrderLine, Review
from tests.e2e.processes import Shop
from tests.example_app.shop import session_on
from tests.services.page_log import PageLog


def sign_in(page: Page, shop: Shop, name: str) -> None:
    page.goto(f"{shop.url}/admin")
    page.get_by_label("E-mail").fill(f"{name}@example.com")
    page.get_by_label("Password").fill(shop.password(name))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_book_is_found_and_changed(shop: Shop, page: Page, page_log: PageLog) -> None:
    """The API shows the change; a restart in between ends neither the session nor the key."""
    key = shop.key("editor")
    (before,) = shop.get("/api/books?q=9781400000005", key=key).json()["items"]
    sign_in(page, shop, "editor")
    shop.stop()
    shop.start()

    page.get_by_role("navigation").get_by_role("link", name="Books").click()
    page.get_by_placeholder("Search").fill("Bookbinder's Widow")
    page.get_by_placeholder("Search").press("Enter")
    page.get_by_role("link", name="The Bookbinder's Widow").click()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("Title").fill("The Bookbinder's Widower")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("The Bookbinder's Widower")

    answer = shop.get(f"/api/books/{before['id']}", key=key)
    assert answer.json() == before | {"title": "The Bookbinder's Widower"}
    assert page_log.console_errors == []


TABLES: dict[str, type[SQLModel]] = {
    "authors": Author,
    "books": Book,
    "orders": Order,
    "order-lines": OrderLine,
    "reviews": Review,
}


@pytest.mark.parametrize("resource", TABLES)
def test_a_form_that_is_saved_as_it_is_changes_nothing(
    shop: Shop, lasting_url: str, page: Page, resource: str
) -> None:
    """Whatever kinds of column the table has, and whoever refers to it."""

    def row() -> dict[str, object]:
        with session_on(lasting_url) as session:
            return session.get_one(TABLES[resource], 9).model_dump()

    sign_in(page, shop, "admin")
    before = row()
    page.goto(f"{shop.url}/admin/{resource}/edit?pk=9")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("was saved")
    assert row() == before


def test_a_role_shows_its_own_pages_only(shop: Shop, page: Page, page_log: PageLog) -> None:
    """Nor does it help to know the address of another one."""
    sign_in(page, shop, "support")
    menu = page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(menu).to_have_text(["Home", "Books", "Orders", "Order lines", "History", "Bulk jobs"])
    page.goto(f"{shop.url}/admin/books/detail?pk=1")
    expect(page.get_by_role("link", name="Edit", exact=True)).to_have_count(0)
    for path in ("users", "books/edit?pk=1", "audit"):
        answer = page.goto(f"{shop.url}/admin/{path}")
        assert answer is not None
        assert answer.status == 403
    assert len(page_log.console_errors) == 3


def test_signing_out_ends_the_session(shop: Shop, page: Page) -> None:
    """The cookie is dead, even where it was kept."""
    sign_in(page, shop, "admin")
    kept = page.context.cookies()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.context.add_cookies([{**each} for each in kept])  # type: ignore[typeddict-item]
    page.goto(f"{shop.url}/admin/users")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
