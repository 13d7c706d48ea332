"""The columns of a list: chosen, in any order, kept for whoever chose them, and in the address."""

import re

import pytest

from tests.admin.conftest import House, create_tables, query_of
from tests.admin.policies.ruled import RuledHouse, library
from tests.services.databases import Databases


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: nothing here is asked of a database in another way than elsewhere."""
    return sqlite_databases


def heads(house: House, path: str = "/books") -> list[str]:
    """The columns of a list."""
    page = house.open(path)
    assert page.status_code == 200, page.text
    found = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', page.text, re.DOTALL)
    return [re.sub(r"<[^>]*>", "", each).strip() for each in found]


def test_the_address_says_which_columns_there_are(editor: House) -> None:
    """In their order; a computed list has cells for each of them, and stays one that is sorted."""
    assert heads(editor, "/books?cols=isbn,pages,author_id") == ["ISBN", "Pages", "Author"]
    page = editor.open("/books?cols=isbn,title&sort=title__desc").text
    assert "cols=isbn%2Ctitle&amp;sort=title__asc" in page
    row = page.partition("<tbody>")[2].partition("</tr>")[0]
    assert re.findall(r'data-label="(\w+)"', row) == ["ISBN", "Title"]
    default = heads(editor)
    assert heads(editor, "/books?cols=password,nothing") == default
    assert heads(editor, "/books?cols=") == default


def test_columns_are_kept_for_whoever_chose_them(editor: House) -> None:
    """Until they choose others; the list that was looked at is gone back to."""
    default = heads(editor)
    sent = {
        "query": "q=a&cols=title&after=x",
        "order": ["isbn", "title", "price", "password"],
        "cols": ["title", "isbn", "password"],
    }
    answer = editor.send("/books/columns", sent)
    assert answer.status_code == 303
    assert query_of(answer.headers["location"]) == {"q": ["a"], "cols": ["isbn,title"]}
    assert heads(editor) == ["ISBN", "Title"]
    assert heads(editor, "/books?cols=price") == ["Price"]
    editor.send("/books/columns", {**sent, "order": ["price", "isbn"], "cols": ["price"]})
    assert heads(editor) == ["Price"]
    editor.signed_in("books:*", "authors:view", email="bob@example.com")
    assert heads(editor) == default
    editor.sign_in()
    assert "cols" not in editor.send("/books/columns", {"reset": ""}).headers["location"]
    assert heads(editor) == default


def test_a_column_is_moved_without_scripts(editor: House) -> None:
    """A button at each moves it by one; what was ticked stays ticked, and nothing is kept yet."""
    sent = {"order": ["title", "isbn", "price"], "cols": ["price"], "up": "price"}
    page = editor.send("/books/columns", sent).text
    assert re.findall(r'name="order" value="(\w+)"', page) == ["title", "price", "isbn"]
    assert re.findall(r'name="cols" value="(\w+)" checked', page) == ["price"]
    down = {**sent, "up": [], "down": "price"}
    page = editor.send("/books/columns", down).text
    assert re.findall(r'name="order" value="(\w+)"', page) == ["title", "isbn", "price"]
    assert "Price" in heads(editor)
    assert "Title" in heads(editor)


def test_what_may_not_be_read_is_no_column(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the address, nor as it was kept, nor offered."""
    with databases.copy("admin", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with RuledHouse() as house:
            house.add(*library())
            house.signed_in("books:view")
            assert heads(house, "/books?cols=price,title") == ["Title"]
            assert "Price" not in house.open("/books/columns").text
            house.send("/books/columns", {"order": ["price", "title"], "cols": ["price", "title"]})
            assert heads(house) == ["Title"]


def test_columns_are_nobodys_who_may_not_see_the_list(stocked: House) -> None:
    stocked.signed_in("authors:view")
    assert stocked.open("/books/columns").status_code == 403
    assert stocked.send("/books/columns", {"cols": "title"}).status_code == 403
    stocked.client.cookies.clear()
    assert stocked.send("/books/columns", {"cols": "title"}, "x").status_code == 401


def test_every_field_of_every_page_can_be_a_column(house: House) -> None:
    """Those of accounts, too, whose values are made by services."""
    house.signed_in(superuser=True)
    for view in house.admin.site.records():
        names = ",".join(each.name for each in view.fields)
        assert house.open(f"/{view.resource}?cols={names}").status_code == 200, view.resource
