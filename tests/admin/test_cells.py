"""A cell of a list becomes its field: one field of one record, by all the rules of its form."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from httpx2 import Response

from backoffice.admin.history.models import Change
from tests.admin.conftest import ORIGIN, House, book, create_tables, fields_of, query_of
from tests.admin.library import Author, Book, Status
from tests.admin.policies.ruled import RuledHouse
from tests.services.databases import Databases


@pytest.fixture
def databases(sqlite_databases: Databases) -> Databases:
    """SQLite alone: records are found and written as by their forms."""
    return sqlite_databases


def address(field: str, key: str = "1", **query: str) -> str:
    return f"/books/cell?{urlencode({'pk': key, 'field': field, **query})}"


def save(house: House, field: str, value: Any, key: str = "1", **query: str) -> Response:
    """What the script sends: the form of the cell with another value."""
    form = fields_of(house.open(address(field, key)).text) | {field: value}
    return sent(house, field, form, key, **query)


def sent(house: House, field: str, form: dict[str, Any], key: str = "1", **query: str) -> Response:
    headers = {**ORIGIN, "Accept": "application/json, text/html"}
    path = f"/admin{address(field, key, **query)}"
    return house.client.post(path, data={"csrf_token": house.token(), **form}, headers=headers)


def test_a_cell_is_saved_and_its_row_comes_back(editor: House) -> None:
    """With the columns that the list has, and a change of that field alone in the history."""
    answer = save(editor, "price", "12.50", cols="title,price,author_id")
    assert answer.status_code == 200, answer.text
    row = answer.json()["row"]
    assert re.findall(r'data-label="(\w+)"', row) == ["Title", "Price", "Author"]
    assert ">12.50</td>" in row
    assert ">Ada</a>" in row
    assert (book(editor).price, book(editor).title) == (Decimal("12.50"), "Alpha")
    change = editor.all(Change)[-1]
    assert (change.record_key, list(change.changes)) == ("1", ["price"])
    history = editor.client.get(answer.json()["history"]).text
    assert "/admin/books/undo?" in history


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("status", "is out", Status.out),
        ("author_id", "2", 2),
        ("editor_id", "", None),
        ("summary", "Two\r\nlines", "Two\nlines"),
        ("weight", "2.5", 2.5),
    ],
)
def test_each_kind_of_field_can_be_a_cell(
    editor: House, field: str, value: str, expected: Any
) -> None:
    assert save(editor, field, value).status_code == 200
    assert getattr(book(editor), field) == expected


def test_what_is_not_ticked_is_no(editor: House) -> None:
    form = fields_of(editor.open(address("in_print")).text)
    assert form.pop("in_print") == "on"
    assert sent(editor, "in_print", form).status_code == 200
    assert book(editor).in_print is False


def test_what_is_wrong_is_said_at_the_cell(editor: House) -> None:
    """By the model, the database and a constraint; what was typed stays."""
    for field, value in (("price", "-3"), ("price", "much"), ("title", ""), ("isbn", "b")):
        answer = save(editor, field, value)
        assert answer.status_code == 422, answer.text
        assert f'id="{field}-error"' in answer.text
        assert f'value="{value}"' in answer.text
    assert (book(editor).price, book(editor).isbn) == (Decimal("9.90"), "a")


def test_two_at_one_cell_are_told(editor: House) -> None:
    """Nobody's work is overwritten; another field of the record is nobody's business here."""
    form = fields_of(editor.open(address("title")).text)
    assert save(editor, "price", "1").status_code == 200
    assert save(editor, "title", "Theirs").status_code == 200
    answer = sent(editor, "title", {**form, "title": "Mine"})
    assert answer.status_code == 409
    assert "Theirs" in answer.text
    assert book(editor).title == "Theirs"
    again = {**fields_of(answer.text), "title": "Mine", ".choose.title": "mine"}
    assert sent(editor, "title", again).status_code == 200
    assert (book(editor).title, book(editor).price) == ("Mine", Decimal(1))


def test_without_scripts_it_is_a_page_that_leads_back_to_the_list(editor: House) -> None:
    """To the same search and page; a form of one field writes no other."""
    form = fields_of(editor.open(address("title", list="q=al&view=3")).text)
    assert set(form) == {"csrf_token", ".version", "title"}
    answer = editor.send(
        address("title", list="q=al&view=3"), {**form, "title": "Omega", "price": "0"}
    )
    assert answer.status_code == 303
    assert answer.headers["location"].partition("?")[0] == "/admin/books"
    assert query_of(answer.headers["location"]) == {"q": ["al"], "view": ["3"]}
    assert (book(editor).title, book(editor).price) == ("Omega", Decimal("9.90"))
    evil = editor.send(address("title", list="//evil.example/"), {"title": "Alpha"})
    assert evil.headers["location"].startswith("/admin/books?")


def test_what_cannot_be_changed_is_no_cell(editor: House) -> None:
    """Keys, what is shown alone, what there is not; the list offers none of them."""
    for field in ("id", "pages", "password", "", "nothing"):
        assert editor.open(address(field)).status_code == 404, field
        assert sent(editor, field, {field: "1"}).status_code == 404, field
    for key in ("99", "x", ""):
        assert editor.open(address("title", key)).status_code == 404
    page = editor.open("/books?cols=id,title,pages,price").text
    assert re.findall(r'data-edits="(\w+)"', page) == ["title", "price"]


def test_accounts_are_changed_on_their_own_pages_alone(house: House) -> None:
    user = house.signed_in(superuser=True)
    assert "data-edits" not in house.open("/users").text
    assert house.open(f"/users/cell?pk={user.id}&field=email").status_code == 404


def test_strangers_and_readers_change_no_cell(stocked: House) -> None:
    """401 and 403, with a form that was made by hand."""
    stocked.signed_in("books:view", "authors:view")
    assert stocked.open(address("title")).status_code == 403
    assert sent(stocked, "title", {"title": "x"}).status_code == 403
    assert "data-edits" not in stocked.open("/books").text
    form = {"csrf_token": "x", "title": "x"}
    assert stocked.client.post(f"/admin{address('title')}", data=form).status_code == 403
    stocked.client.cookies.clear()
    assert sent_by_stranger(stocked).status_code == 401
    assert book(stocked).title == "Alpha"


def sent_by_stranger(house: House) -> Response:
    return house.client.post(
        f"/admin{address('title')}", data={"title": "x"}, headers={"Accept": "application/json"}
    )


@pytest.fixture
def ruled(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[RuledHouse]:
    with databases.copy("admin", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with RuledHouse() as found:
            yield found


def test_policies_and_field_rules_hold_in_a_cell(ruled: RuledHouse) -> None:
    """What may not be read is not told of, what may not be written is not written."""
    published = {"published": "2001-02-03", "author_id": 1}
    ruled.add(Author(name="Ada"))
    rows = [
        {"id": 1, "title": "Draft", "isbn": "a"},
        {"id": 2, "title": "Out", "isbn": "b", "status": Status.out},
    ]
    ruled.add(*(Book.model_validate({**published, **each}) for each in rows))
    ruled.add(Book(id=3, title="Unseen", isbn="c", author_id=1))
    ruled.signed_in("books:view", "books:change")
    for field in ("price", "isbn", "editor_id", "weight", "author_id"):
        assert ruled.open(address(field)).status_code == 404, field
        assert sent(ruled, field, {field: "1"}).status_code in (403, 404), field
    assert sent(ruled, "title", {"title": "x", "price": "1"}).status_code == 403
    assert sent(ruled, "title", {"title": "x"}, "2").status_code == 403
    assert sent(ruled, "title", {"title": "x"}, "3").status_code == 404
    assert sent(ruled, "status", {"status": "is out"}).status_code in (403, 422)
    assert sent(ruled, "title", {"title": "Changed"}).status_code == 200
    found = {each.title: each.price for each in ruled.all(Book)}
    assert found == dict.fromkeys(("Changed", "Out", "Unseen"), Decimal("9.90"))
    page = ruled.open("/books?cols=title,weight,price,status").text
    assert re.findall(r'data-edits="(\w+)"', page) == ["title", "status"]


def test_whoever_may_not_see_a_record_any_more_is_given_no_row(ruled: RuledHouse) -> None:
    ruled.add(Author(name="Ada"))
    ruled.add(Book(title="A", isbn="a", author_id=1, published=date(2001, 2, 3)))
    ruled.signed_in("books:view", "books:change")
    answer = sent(ruled, "in_print", {"in_print.sent": "1"})
    assert (answer.status_code, answer.json()["row"]) == (200, None)
