"""Saved views: a list under a name, for oneself or shared, and the view that a list opens with."""

from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from httpx2 import Response

from backoffice.admin import Admin, ModelAdmin
from backoffice.admin.saved.models import SavedView
from backoffice.auth import Auth
from tests.admin.conftest import House, query_of, titles
from tests.admin.library import Author, Book, Tag
from tests.auth.conftest import AppWithAccounts

DEAR = 'price__gt="5"'


class BookAdmin(ModelAdmin):
    model = Book
    list_display = ("title", "author", "price")
    list_filter = ("author", "in_print")
    ordering = ("title",)


class Shelf(House):
    """Where not everybody knows what a book costs."""

    def __init__(self) -> None:
        AppWithAccounts.__init__(self, Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[Author, BookAdmin, Tag])
        self.auth.fields(Book, read={"price": "books:see-price"})
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")

    def keep(self, name: str, query: str = "", **fields: str) -> Response:
        return self.send("/books/views", {"do": "save", "name": name, "query": query, **fields})

    def do(self, what: str, number: int | None, **fields: str) -> int:
        sent = {"do": what, "pk": "" if number is None else str(number), **fields}
        return self.send("/books/views", sent).status_code

    def offered(self, path: str = "/books") -> dict[str, str]:
        """Name to address of the views that the list offers."""
        nav = self.open(path).text.partition('aria-label="Views">')[2].partition("</nav>")[0]
        links = [each.partition('href="')[2] for each in nav.split("</a>") if "href" in each]
        return {each.rpartition(">")[2]: unescape(each.partition('"')[0]) for each in links}

    def number(self, name: str) -> int:
        (found,) = [each.number for each in self.all(SavedView) if each.name == name]
        assert found is not None
        return found


@pytest.fixture(scope="session")
def shelved() -> Shelf:
    return Shelf()


@pytest.fixture
def shelf(settings: None, shelved: Shelf) -> Iterator[Shelf]:
    with shelved:
        shelved.add(Author(name="Ada"), Author(name="Grace"))
        shelved.add(
            Book(title="Alpha", isbn="a", author_id=1),
            Book(title="Beta", isbn="b", author_id=2, price=Decimal(2)),
            Book(title="Gamma", isbn="c", author_id=1, in_print=False),
        )
        yield shelved


EVERYTHING = ("books:*", "authors:view")


def test_a_view_brings_back_search_filters_order_and_columns(shelf: Shelf) -> None:
    """It stands above the list, leads there, and is marked until the list is another one."""
    shelf.signed_in(*EVERYTHING)
    query = {
        "q": "a",
        "filter": DEAR,
        "is.author_id": "1",
        "sort": "title__desc",
        "cols": "isbn,title",
        "after": "somewhere",
        "find.author_id": "x",
    }
    answer = shelf.keep(" Dear  ones ", urlencode(query))
    assert answer.status_code == 303
    kept = query_of(answer.headers["location"])
    number = str(shelf.number("Dear ones"))
    expected = {name: [value] for name, value in query.items() if name.partition(".")[0] != "find"}
    del expected["after"]
    assert kept == {**expected, "view": [number]}
    url = shelf.offered()["Dear ones"]
    assert query_of(url) == kept
    page = shelf.client.get(url).text
    assert titles(page.partition("<tbody>")[2]) == ["Alpha", "Gamma"]
    assert page.index(">Gamma") < page.index(">Alpha")
    assert 'aria-current="true">Dear ones</a>' in page
    assert "Save the change" not in page
    assert "Save the change" in shelf.client.get(f"{url}&page_size=10").text
    changed = shelf.client.get(url.replace("/books?", "/books/views?") + "&page_size=10").text
    assert "Save the change to “Dear ones”" in changed


def test_views_are_renamed_replaced_and_deleted(shelf: Shelf) -> None:
    """Each name is there once, and what is refused is said where it was typed."""
    shelf.signed_in(*EVERYTHING)
    shelf.keep("One", "q=a")
    shelf.keep("Two", "q=b")
    for name, status in (("One", 409), ("", 422), ("x" * 61, 422), ("One\u200b", 422)):
        answer = shelf.keep(name, "q=c")
        assert answer.status_code == status, name
        assert 'aria-invalid="true"' in answer.text
    assert shelf.do("rename", shelf.number("Two"), name="One") == 409
    assert shelf.do("rename", shelf.number("Two"), name="Other") == 303
    assert shelf.do("replace", shelf.number("Other"), query="q=z&after=x") == 303
    assert query_of(shelf.offered()["Other"])["q"] == ["z"]
    assert shelf.do("delete", shelf.number("One")) == 303
    assert set(shelf.offered()) == {"All", "Other"}
    assert shelf.do("burn", shelf.number("Other")) == 400
    assert shelf.do("rename", 999, name="x") == 404
    for query in ("q=%00", f"q={'x' * 5_000}"):
        assert shelf.keep("Wrong", query).status_code == 422
    assert shelf.keep("\0", "q=a").status_code == 422
    assert shelf.do("replace", shelf.number("Other"), query="q=%00") == 422
    assert shelf.send("/books/views", {"do": "rename", "pk": "9" * 40}).status_code == 404
    assert shelf.keep("Wrong", "filter=price__gt%3Dx").status_code == 400
    assert shelf.keep("Wrong", "is.in_print=perhaps").status_code == 400
    assert shelf.keep("Wrong", "filter=added_at__until%3D9999-12-31").status_code == 400


def test_a_list_opens_with_the_view_that_somebody_chose(shelf: Shelf) -> None:
    """For them alone, and only where the address says nothing."""
    shelf.signed_in(*EVERYTHING)
    shelf.keep("First", "q=beta", opens="1")
    answer = shelf.open("/books")
    assert answer.status_code == 303
    assert titles(shelf.client.get(answer.headers["location"]).text) == ["Beta"]
    assert shelf.offered("/books?view=all")["All"].endswith("/books?view=all")
    assert shelf.open("/books?q=x").status_code == 200
    shelf.signed_in(*EVERYTHING, email="bob@example.com")
    assert shelf.open("/books").status_code == 200
    assert shelf.do("open", shelf.number("First")) == 404
    shelf.sign_in()
    assert shelf.do("open", None) == 303
    assert shelf.open("/books").status_code == 200
    assert shelf.do("open", shelf.number("First")) == 303
    assert shelf.do("delete", shelf.number("First")) == 303
    shelf.keep("Another")
    assert shelf.open("/books").status_code == 200


def test_a_list_opens_where_its_view_asks_for_what_is_gone(shelf: Shelf) -> None:
    """A choice that the app has no more, of which the list would tell nothing else."""
    shelf.signed_in(*EVERYTHING)
    shelf.keep("First", "is.in_print=yes", opens="1")
    number = shelf.number("First")

    async def outdated() -> None:
        async with shelf.services.database.session() as session:
            view = await session.get(SavedView, number)
            assert view is not None
            view.query = "is.in_print=perhaps"
            await session.commit()

    shelf.call(outdated())
    assert shelf.open("/books").status_code == 200
    assert "First" in shelf.open("/books/views").text


def test_a_shared_view_is_for_those_who_may_filter_so(shelf: Shelf) -> None:
    """It gives away neither a price nor who wrote what, and nobody is shown a wider list."""
    shelf.signed_in(*EVERYTHING, "saved-views:share")
    shelf.keep("By price", urlencode({"filter": DEAR}), shared="1")
    shelf.keep("By Ada", "is.author_id=1", shared="1")
    shelf.keep("Sorted", "sort=price__desc&cols=price,title&q=a", shared="1")
    shelf.keep("Mine", "q=b")
    shelf.signed_in("books:view", email="bob@example.com")
    offered = shelf.offered()
    assert set(offered) == {"All", "Sorted"}
    seen = query_of(offered["Sorted"])
    assert (seen["cols"], seen["q"], "sort" in seen) == (["title"], ["a"], False)
    assert "price" not in shelf.open("/books/views").text


def test_only_those_who_may_share_change_what_is_shared(shelf: Shelf) -> None:
    """Strangers 401, those who may not 403; what is somebody's own is nobody else's."""
    ann = shelf.signed_in(*EVERYTHING, "saved-views:share")
    shelf.keep("Ours", "q=a", shared="1")
    shelf.keep("Hers", "q=b")
    ours, hers = shelf.number("Ours"), shelf.number("Hers")
    shelf.signed_in(*EVERYTHING, email="bob@example.com")
    assert shelf.keep("Bob's", shared="1").status_code == 403
    for what in ("rename", "replace", "delete"):
        assert shelf.do(what, ours, name="Bob's", query="q=z") == 403
        assert shelf.do(what, hers, name="Bob's", query="q=z") == 404
    assert shelf.do("open", ours) == 303
    shelf.signed_in("authors:view", email="eve@example.com")
    assert shelf.do("open", ours) == 403
    assert shelf.open("/books/views").status_code == 403
    shelf.client.cookies.clear()
    assert shelf.send("/books/views", {"do": "delete", "pk": ours}, "x").status_code == 401
    found = {each.name: each for each in shelf.all(SavedView) if each.name}
    assert {name: each.owner for name, each in found.items()} == dict.fromkeys(
        ("Ours", "Hers"), f"user:{ann.id}"
    )


def test_whoever_leaves_takes_along_what_was_theirs_alone(shelf: Shelf) -> None:
    ann = shelf.signed_in(*EVERYTHING, "saved-views:share")
    shelf.keep("Ours", "q=a", shared="1", opens="1")
    shelf.keep("Hers", "q=b", shared="1")
    hers = shelf.number("Hers")
    bob = shelf.signed_in(*EVERYTHING, email="bob@example.com")
    assert shelf.do("open", hers) == 303
    shelf.sign_in()
    assert shelf.do("rename", hers, name="Hers") == 303

    shelf.call(shelf.services.users.delete(ann.id, actor="test"))
    left = [(each.name, each.owner, each.opens) for each in shelf.all(SavedView)]
    assert left == [("Ours", f"user:{ann.id}", None), ("", f"user:{bob.id}", None)]
