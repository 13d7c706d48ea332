"""Imports: a file is tried, then written in the background, row by row, as forms would be."""

import csv
import io
import json

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin import RecordCreated
from backoffice.admin.history import Change
from backoffice.admin.imports.models import Import, ImportPart
from backoffice.core import Forbidden
from tests.admin.conftest import House
from tests.admin.importing import counts, sent, suggested, tried, written
from tests.admin.library import Author, Book, Tag

BOOKS = """Title,ISBN,Author,Price,In print,Status,Pages of it
Delta,d,Ada,12.50,no,is out,1
"Epsilon, again",e,2,,,is a draft,2
"""


def told_of_books(house: House) -> list[Change]:
    return [each for each in house.all(Change) if each.resource == "books"]


def books(house: House) -> list[Book]:
    return sorted(house.all(Book), key=lambda each: each.id or 0)


def report(house: House, number: str, resource: str = "books") -> list[dict[str, str]]:
    answer = house.open(f"/{resource}/import/refused?pk={number}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_rows_are_added_as_forms_would_add_them(editor: House) -> None:
    """By names of columns as exports have them; what it refers to by key or by name; an empty cell
    is the default of its field."""
    number = sent(editor, BOOKS)
    page = editor.open(f"/books/import?pk={number}").text
    assert suggested(page)["column.2"] == "author_id"
    assert suggested(page)["column.6"] == ""
    assert counts(tried(editor, number, key="")) == (2, 0, 0, 0)
    assert len(editor.all(Book)) == 3
    assert "To be added" in editor.open(f"/books/import?pk={number}").text
    assert counts(written(editor, number)) == (2, 0, 0, 0)
    delta, epsilon = books(editor)[3:]
    assert (delta.title, delta.author_id, str(delta.price), delta.in_print) == (
        "Delta",
        1,
        "12.50",
        False,
    )
    assert (epsilon.title, epsilon.author_id, str(epsilon.price), epsilon.in_print) == (
        "Epsilon, again",
        2,
        "9.90",
        True,
    )


def test_each_row_is_an_event_and_stands_in_the_history(editor: House) -> None:
    """Of the deed; a trial leaves no trace."""
    number = sent(editor, BOOKS)
    tried(editor, number, key="")
    assert not [each for each in editor.events() if each.event.startswith("admin.record")]
    assert told_of_books(editor) == []
    written(editor, number)
    events = [each for each in editor.events() if each.event == "admin.record_created"]
    assert [each.subject for each in events] == [f"book:{each.id}" for each in books(editor)[3:]]
    changes = [(each.action, each.record_key, each.actor) for each in told_of_books(editor)]
    assert changes == [("add", f"{each.id}", events[0].actor) for each in books(editor)[3:]]


def test_a_row_finds_its_record_by_a_unique_field(editor: House) -> None:
    """What is there already changes nothing, and what finds none is added if that is wanted."""
    number = sent(editor, "isbn;title;price\na;Alpha;9.90\nb;Beta II;9.90\nz;Zeta;1\n")
    assert counts(tried(editor, number, key="isbn", adds="")) == (0, 1, 1, 1)
    page = editor.open(f"/books/import?pk={number}").text
    assert "<del>Beta</del> <ins>Beta II</ins>" in page
    assert "There is no such book." in page
    assert counts(written(editor, number)) == (0, 1, 1, 1)
    assert [each.title for each in books(editor)] == ["Alpha", "Beta II", "Gamma 100%"]
    (change,) = told_of_books(editor)
    assert change.changes == {"title": ["Beta", "Beta II"]}


def test_an_export_sent_back_changes_nothing(editor: House) -> None:
    """CSV with its guard against formulas, and JSON: what leaves comes back as it was."""
    editor.add(Book(title="'=1+1", isbn="z", author_id=1))
    editor.add(Book(title="=1+1", isbn="'q", author_id=1, summary='a\nb, "c"', extra={"a": [1]}))
    for kind in ("csv", "json"):
        exported = editor.open(f"/books/export?format={kind}").content
        number = sent(editor, exported)
        assert counts(tried(editor, number, key="isbn")) == (0, 0, 5, 0), kind


def test_bad_rows_come_back_as_a_file_to_mend_and_send_again(editor: House) -> None:
    """Each with its reason; the others are written all the same."""
    content = (
        "Title,ISBN,Author,Price,In print\n"
        "Good,g1,1,1,yes\n"
        ",g2,1,1,yes\n"
        "Taken,a,1,1,yes\n"
        "Cheap,g3,1,-4,yes\n"
        "Lost,g4,99,1,yes\n"
        "Twice,g1,1,1,yes\n"
        "Torn,g5\n"
        "=Odd,g6,1,one,perhaps\n"
    )
    number = sent(editor, content)
    assert counts(tried(editor, number, key="")) == (1, 0, 0, 7)
    assert counts(written(editor, number)) == (1, 0, 0, 7)
    assert books(editor)[-1].title == "Good"
    rows = report(editor, number)
    assert [each["ISBN"] for each in rows] == ["g2", "a", "g3", "g4", "g1", "g5", "g6"]
    assert [each["Why it was refused"] for each in rows] == [
        "Title: This field is required.",
        "ISBN: There is one already with this value.",
        "Price: This has to be at least 0.",
        "Author: There is no such author (any more).",
        "ISBN: Row 2 has the same.",
        "This row has 2 cells, and the first row has 5.",
        "In print: This has to be yes or no.",
    ]
    assert rows[-1]["Title"] == "'=Odd"
    mended = "\n".join(",".join(each.values()) for each in rows[2:4])
    mended = mended.replace("-4", "4").replace(",99,", ",2,")
    again = sent(editor, ",".join(rows[0]) + "\n" + mended)
    assert counts(tried(editor, again, key="")) == (2, 0, 0, 0)


def test_a_file_of_bad_rows_is_mended_as_often_as_it_takes(editor: House) -> None:
    """It has the reasons of the last time alone; of JSON, what was not there is not there yet."""
    number = sent(editor, "Title,ISBN,Author\nTaken,a,1\n")
    tried(editor, number, key="")
    for _ in range(2):
        answer = editor.open(f"/books/import/refused?pk={number}")
        number = sent(editor, answer.content)
        assert counts(tried(editor, number, key="")) == (0, 0, 0, 1)
    assert list(report(editor, number)[0]) == ["Title", "ISBN", "Author", "Why it was refused"]
    rows: list[dict[str, object]] = [
        {"id": 1, "summary": "A", "price": -1},
        {"id": 2, "price": -2},
    ]
    number = sent(editor, json.dumps(rows))
    assert counts(tried(editor, number, key=".key")) == (0, 0, 0, 2)
    found = editor.open(f"/books/import/refused?pk={number}").json()
    assert [{**each, "Why it was refused": ""} for each in found] == [
        {**each, "Why it was refused": ""} for each in rows
    ]
    number = sent(editor, json.dumps(found).replace("-", ""))
    assert counts(tried(editor, number, key=".key")) == (0, 2, 0, 0)


def test_json_says_by_what_is_not_there_that_it_stays(editor: House) -> None:
    """A null empties a field, and a list may be one."""
    rows = [
        {"id": 1, "title": "Alpha II", "tags": ["new", "old"], "extra": {"a": [1, None]}},
        {"id": 2, "published": None, "in_print": False},
        {"title": "Nine", "isbn": "n", "author": "Grace", "price": 1.5},
        {"id": 77, "title": "Nowhere"},
    ]
    number = sent(editor, json.dumps(rows))
    assert counts(tried(editor, number, key=".key")) == (1, 2, 0, 1)
    assert counts(written(editor, number)) == (1, 2, 0, 1)
    alpha, beta, _, nine = books(editor)
    assert (alpha.title, alpha.isbn, alpha.extra) == ("Alpha II", "a", {"a": [1, None]})
    assert (beta.title, beta.in_print) == ("Beta", False)
    assert (nine.title, nine.author_id) == ("Nine", 2)
    assert "old" in editor.open("/books/detail?pk=1").text


def test_a_key_that_somebody_types_may_be_new(editor: House) -> None:
    """And one of two columns is found by both."""
    number = sent(editor, "name\nnew\nsale\n", "tags")
    assert counts(tried(editor, number, "tags")) == (1, 0, 1, 0)
    written(editor, number, "tags")
    assert {each.name for each in editor.all(Tag)} == {"new", "old", "sale"}
    number = sent(editor, "Book,Number,Shelf\n1,1,A\n1,2,B\n", "copies")
    tried(editor, number, "copies")
    assert counts(written(editor, number, "copies")) == (2, 0, 0, 0)
    number = sent(editor, "Book,Number,Shelf\n1,1,A\n1,2,C\n", "copies")
    assert counts(tried(editor, number, "copies")) == (0, 1, 1, 0)


def test_a_large_file_is_written_in_parts(editor: House) -> None:
    """Each one transaction; what was written is kept no longer than needed."""
    rows = "".join(f"Author {number},{2000 + number % 20}-01-31\n" for number in range(350))
    number = sent(editor, "name,born\n" + rows + "Bad,yesterday\n", "authors")
    assert counts(tried(editor, number, "authors", key="")) == (350, 0, 0, 1)
    assert counts(written(editor, number, "authors")) == (350, 0, 0, 1)
    assert len(editor.all(Author)) == 352
    kept = [json.loads(each.rows) for each in editor.all(ImportPart)]
    assert [len(each) for each in kept] == [0, 0, 0, 1]
    (found,) = report(editor, number, "authors")
    assert found["name"] == "Bad"


def test_what_a_listener_refuses_is_not_written(editor: House) -> None:
    """Though the record was there already, and others of its part stay."""

    async def refuse(event: RecordCreated, _: AsyncSession) -> None:
        if event.subject == "tag:bad":
            raise Forbidden("Not this one.")

    editor.services.events.within(RecordCreated)(refuse)
    number = sent(editor, "name\ngood\nbad\nfine\n", "tags")
    assert counts(tried(editor, number, "tags")) == (3, 0, 0, 0)
    assert counts(written(editor, number, "tags")) == (2, 0, 0, 1)
    assert {each.name for each in editor.all(Tag)} == {"new", "old", "good", "fine"}
    told = [each.record_key for each in editor.all(Change) if each.resource == "tags"]
    assert told == ["good", "fine"]
    (row,) = report(editor, number, "tags")
    assert (row["name"], row["Why it was refused"]) == ("bad", "Not this one.")


def test_a_cell_names_no_more_records_than_a_form_does(editor: House) -> None:
    """Each of them is looked for."""
    number = sent(editor, json.dumps([{"id": 1, "tags": ["new"] * 201}]))
    assert counts(tried(editor, number, key=".key")) == (0, 0, 0, 1)
    assert "at most 200" in editor.open(f"/books/import/refused?pk={number}").text


def test_names_that_two_have_are_not_guessed(editor: House) -> None:
    editor.add(Author(name="Ada"))
    number = sent(editor, "Title,ISBN,Author\nX,x,Ada\n")
    assert counts(tried(editor, number, key="")) == (0, 0, 0, 1)
    (row,) = report(editor, number)
    assert "several called “Ada”" in row["Why it was refused"]


def test_it_is_written_once_however_often_the_button_is_pressed(editor: House) -> None:
    """And not again by matching its columns anew."""
    number = sent(editor, BOOKS)
    tried(editor, number, key="")
    written(editor, number)
    written(editor, number)
    assert len(editor.all(Book)) == 5
    again = editor.send("/books/import/match", {"pk": number, "column.0": "title"})
    assert again.status_code == 409
    assert len(editor.all(Import)) == 1
