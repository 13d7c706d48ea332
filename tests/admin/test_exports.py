"""Exports of the app's own models."""

import csv
import io
import json
from datetime import datetime
from decimal import Decimal

import pytest

from backoffice.admin import exports
from tests.admin.conftest import House
from tests.admin.library import Book, Tag


def test_an_export_holds_the_list_as_it_is_filtered(editor: House) -> None:
    """Numbers as numbers, moments as they can be read back, formulas as text."""
    editor.add(Book(id=8, title="=1+1", isbn="f", author_id=1, price=Decimal("0.50"), weight=-1.5))
    text = editor.open("/books/export?filter=author_id__eq=1&sort=id__asc").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["Title"] for row in rows] == ["Alpha", "Gamma 100%", "'=1+1"]
    assert (rows[2]["Price"], rows[2]["Weight"]) == ("0.50", "-1.5")
    found = json.loads(editor.open("/books/export?format=json&q=alpha").text)
    assert [each["Title"] for each in found] == ["Alpha"]
    assert datetime.fromisoformat(found[0]["Added at"]).tzinfo is not None


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", " =1"])
def test_no_text_is_a_formula_in_a_spreadsheet(house: House, text: str) -> None:
    """It has a quote before it, wherever the formula would begin."""
    house.add(Tag(name=text))
    house.signed_in("tags:view", "tags:export")
    rows = list(csv.reader(io.StringIO(house.open("/tags/export").text, newline="")))
    assert rows[1] == [f"'{text}"]


def test_an_export_of_nothing_is_a_whole_file(house: House) -> None:
    """The heads of columns; an array without objects."""
    house.signed_in("tags:view", "tags:export")
    assert house.open("/tags/export").text == "Name\r\n"
    assert house.open("/tags/export?format=json").json() == []


def test_infinity_is_text_in_json(stocked: House) -> None:
    """JSON has no name for it, and readers refuse the whole file."""
    stocked.add(Book(title="Omega", isbn="z", author_id=1, weight=float("inf")))
    stocked.signed_in("books:view", "books:export")
    found = stocked.open("/books/export?format=json&q=omega").json()
    assert found[0]["Weight"] == "inf"


QUERIES = ["", "?sort=author_id__asc&sort=title__desc", "?sort=published__desc"]


@pytest.mark.parametrize("query", QUERIES)
def test_an_export_has_each_record_once_in_the_order_of_the_list(
    stocked: House, query: str
) -> None:
    """However many batches there are, and however many records are alike in what they are
    sorted by."""
    batches = 3
    stocked.add(
        *(
            Book(title=f"Title {number % 7}", isbn=f"isbn {number}", author_id=number % 2 + 1)
            for number in range(exports.BATCH * batches)
        )
    )
    stocked.signed_in("books:view", "books:export")
    rows = list(csv.DictReader(io.StringIO(stocked.open(f"/books/export{query}").text)))
    assert len(rows) == len({row["ID"] for row in rows}) == exports.BATCH * batches + 3
    if "title" in query:
        order = [(int(row["Author"]), row["Title"]) for row in rows]
        assert order == sorted(sorted(order, key=lambda each: each[1], reverse=True), key=_author)


def _author(each: tuple[int, str]) -> int:
    return each[0]


def test_an_export_has_its_limit_where_one_is_set(
    stocked: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says what to do."""
    monkeypatch.setenv("BACKOFFICE_ADMIN__EXPORT_LIMIT", "2")
    with House() as other:
        other.signed_in("books:view", "books:export")
        answer = other.open("/books/export")
        assert answer.status_code == 400
        assert "filter them to at most that many" in answer.text
        assert other.open("/books/export?q=alpha").status_code == 200


def test_what_is_no_column_is_looked_up_batch_by_batch(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the rows are still being read: the roles of users, their addresses in the log."""
    monkeypatch.setattr(exports, "BATCH", 1)
    for name in ("bob", "cat"):
        house.user(f"{name}@example.com", "books:view")
    house.signed_in(superuser=True)
    users = list(csv.DictReader(io.StringIO(house.open("/users/export?sort=email__asc").text)))
    assert [row["Email"] for row in users] == [
        f"{name}@example.com" for name in ("ann", "bob", "cat")
    ]
    assert [row["Roles"] for row in users] == ["", '["role of bob"]', '["role of cat"]']
    assert "bob@example.com" in house.open("/audit/export").text


def test_what_no_export_can_be_made_of_is_refused(editor: House) -> None:
    """Before the file begins."""
    assert editor.open("/books/export?format=xlsx").status_code == 400
    assert editor.open('/books/export?filter=price__eq="x"').status_code == 400
    assert editor.open("/nothing/export").status_code == 404


def test_exports_leave_connections_to_others(stocked: House) -> None:
    """So many at once, and no more; whoever comes later is told to."""
    stocked.signed_in("tags:view", "tags:export")
    taken = stocked.running.value(exports.exports)
    places = [taken.place() for _ in range(exports.MOST_AT_ONCE)]
    answer = stocked.open("/tags/export")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    for each in places:
        taken.give_back(each)
    assert stocked.open("/tags/export").status_code == 200
