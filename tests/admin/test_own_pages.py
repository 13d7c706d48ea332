"""Pages and cards that an app adds, each behind its permission."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import func, select
from starlette.responses import PlainTextResponse, Response

from backoffice.admin import Admin, Card, PageContext, Table
from backoffice.auth import Auth
from backoffice.core import SetupError
from tests.admin.conftest import LIBRARIAN, House, book
from tests.admin.extended import Extended
from tests.admin.library import Author, Book, Copy, Tag

TEMPLATE = '{% extends "layout.html" %}{% block content %}<p>{{ said }}</p>{% endblock %}'


def extended(auth: Auth, folder: Path) -> Admin:
    (folder / "prices.html").write_text(TEMPLATE)
    admin = Admin(auth, models=[Author, Book, Tag, Copy], templates=folder)

    @admin.page("stock", permission="reports:view", label="Stock")
    async def stock(context: PageContext) -> Table:
        titles = await context.session.exec(select(Book.title, Book.pages))
        return Table(("Title", "Pages"), titles.all())

    @admin.page("prices", permission="reports:view", template="prices.html", takes_forms=True)
    async def prices(context: PageContext) -> Mapping[str, Any]:
        if context.request.method == "POST":
            found = await context.session.get(Book, 1)
            assert found is not None
            found.title = str((await context.form())["title"])
        return {"said": f"<b>{context.query.get('q', '')}</b>"}

    @admin.page("plain", permission="reports:view")
    async def plain(_: PageContext) -> Response:
        return PlainTextResponse("plain")

    @admin.card("Books", permission="reports:view")
    async def books(context: PageContext) -> Card:
        query = select(func.count()).select_from(Book)
        count = (await context.session.exec(query)).one()
        return Card(count * 1_000, note="in <all>", url="books")

    @admin.card("Broken", permission="reports:view")
    async def broken(context: PageContext) -> int:
        await context.session.exec(text("SELECT nothing FROM nowhere"))  # type: ignore[call-overload]
        return 1

    @admin.card("After", permission="reports:view")
    async def after(context: PageContext) -> str:
        await context.session.exec(select(Book))
        return "javascript:"

    return admin


@pytest.fixture
def house(settings: None, tmp_path: Path) -> Iterator[House]:
    with Extended(lambda auth: extended(auth, tmp_path)) as house:
        house.add(Author(name="Ada"), Book(title="<Alpha>", isbn="a", author_id=1, pages=3))
        yield house


def test_a_page_stands_in_the_menu_of_those_who_may_see_it(house: House) -> None:
    house.signed_in("reports:view")
    assert 'href="/admin/pages/stock"' in house.open("/").text
    page = house.open("/pages/stock").text
    assert "<td>&lt;Alpha&gt;</td>" in page
    assert '<td class="number">3</td>' in page


def test_a_page_is_not_there_for_others(house: House) -> None:
    assert house.open("/pages/stock").status_code == 303
    house.signed_in(*LIBRARIAN)
    assert "/pages/stock" not in house.open("/").text
    assert house.open("/pages/stock").status_code == 403
    assert house.send("/pages/prices", {"title": "x"}).status_code == 403
    assert house.open("/pages/nonesuch").status_code == 404


def test_a_page_of_a_template_shows_what_its_function_gives(house: House) -> None:
    house.signed_in("reports:view")
    assert "<p>&lt;b&gt;&lt;i&gt;&lt;/b&gt;</p>" in house.open("/pages/prices?q=<i>").text
    assert house.open("/pages/plain").text == "plain"


def test_a_form_of_a_page_carries_the_token_and_is_one_transaction(house: House) -> None:
    house.signed_in("reports:view")
    assert house.send("/pages/prices", {"title": "Other"}, token="forged").status_code == 403
    assert book(house).title == "<Alpha>"
    assert house.send("/pages/prices", {"title": "Other"}).status_code == 200
    assert book(house).title == "Other"


def test_a_page_that_takes_no_form_refuses_one(house: House) -> None:
    house.signed_in("reports:view")
    assert house.send("/pages/stock", {}).status_code == 405


def test_a_card_that_fails_keeps_nobody_from_the_first_page(house: House) -> None:
    house.signed_in("reports:view")
    page = house.open("/").text
    assert "1,000" in page
    assert "in &lt;all&gt;" in page
    assert 'href="/admin/books"' in page
    assert "not available just now" in page
    assert "javascript:" in page
    assert 'href="javascript:' not in page


def test_cards_are_not_there_for_others(house: House) -> None:
    house.signed_in("books:view")
    page = house.open("/").text
    assert "Broken" not in page
    assert "1,000" not in page


def test_the_permissions_of_pages_and_cards_are_known(house: House) -> None:
    known = {each.name for each in house.services.catalogue.all()}
    assert "reports:view" in known


@pytest.mark.parametrize(
    ("name", "permission", "template", "told"),
    [
        ("Stock!", "reports:view", "", "name of a page"),
        ("stock", "everything", "", "not a permission"),
        ("stock", "reports:*", "", "name one permission"),
        ("stock", "reports:view", "nowhere.html", "no template"),
    ],
)
def test_a_page_that_cannot_be_is_refused(
    name: str, permission: str, template: str, told: str
) -> None:
    admin = Admin(Auth())
    with pytest.raises(SetupError, match=told):

        @admin.page(name, permission=permission, template=template)
        async def page(_: PageContext) -> str:
            return ""


def test_two_pages_of_one_name_are_refused() -> None:
    admin = Admin(Auth())

    async def page(_: PageContext) -> str:
        return ""

    admin.page("stock", permission="reports:view")(page)
    with pytest.raises(SetupError, match="two pages"):
        admin.page("stock", permission="reports:view")(page)
