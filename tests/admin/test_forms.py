"""Forms of the app's own models: what is typed, what is left out, what is not good."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.admin.conftest import LIBRARIAN, House, book, fields_of
from tests.admin.library import Author, Book, BookTag, Status, Tag


def test_adding_a_record_keeps_what_was_typed(editor: House) -> None:
    """Each kind of column."""
    form = {
        "title": "Delta",
        "isbn": "d",
        "author_id": "2",
        "editor_id": "",
        "price": "12.50",
        "weight": "0.75",
        "status": "is out",
        "in_print.sent": "1",
        "published": "2024-02-29",
        "added_at": "2024-03-01T12:30:15",
        "summary": "one\r\ntwo",
        "extra": '{"shelf": [1, 2]}',
        "tags.sent": "1",
        "tags": ["new", "old"],
    }
    answer = editor.send("/books/add", form)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/admin/books"
    found = next(each for each in editor.all(Book) if each.title == "Delta")
    assert (found.author_id, found.editor_id) == (2, None)
    assert (found.price, found.weight) == (Decimal("12.50"), 0.75)
    assert (found.status, found.in_print) == (Status.out, False)
    assert found.published == date(2024, 2, 29)
    assert found.added_at == datetime(2024, 3, 1, 12, 30, 15, tzinfo=UTC)
    assert (found.summary, found.extra) == ("one\ntwo", {"shelf": [1, 2]})
    assert {each.tag_name for each in editor.all(BookTag)} == {"new", "old"}
    assert "“Delta” was added" in editor.open("/books").text
    assert "“Delta” was added" not in editor.open("/books").text


def test_defaults_stand_in_the_empty_form_and_hold_for_what_is_not_sent(editor: House) -> None:
    """The model's own."""
    form = fields_of(editor.open("/books/add").text)
    assert (form["price"], form["status"], form["in_print"]) == ("9.90", "is a draft", "on")
    answer = editor.send("/books/add", {"title": "Delta", "isbn": "d", "author_id": "1"})
    assert answer.status_code == 303, answer.text
    found = next(each for each in editor.all(Book) if each.title == "Delta")
    assert (found.price, found.status, found.pages) == (Decimal("9.90"), Status.draft, 0)


def test_a_form_sent_back_as_it_came_changes_nothing(editor: House) -> None:
    """Not a microsecond, not a line end; and nothing is told to the log."""
    moment = datetime(2024, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    editor.add(
        Book(
            id=7,
            title=" spaced  title ",
            isbn="s",
            author_id=1,
            added_at=moment,
            weight=0.1,
            price=Decimal("1234.50"),
            summary="a\nb\n\n",
            extra={"é": None, "n": 1.50},
            published=date(1, 1, 1),
        ),
        BookTag(book_id=7, tag_name="new"),
    )
    before = book(editor, 7).model_dump()
    told = len(editor.events())
    form = fields_of(editor.open("/books/edit?pk=7").text)
    assert form["tags"] == ["new"]
    assert editor.send("/books/edit?pk=7", form).status_code == 303
    assert book(editor, 7).model_dump() == before
    assert len(editor.all(BookTag)) == 1
    assert len(editor.events()) == told


def test_a_field_that_is_not_sent_is_not_a_field_that_is_emptied(editor: House) -> None:
    """Relations, checkboxes and texts stay as they are."""
    editor.add(BookTag(book_id=1, tag_name="new"))
    before = book(editor).model_dump()
    assert editor.send("/books/edit?pk=1", {}).status_code == 303
    assert book(editor).model_dump() == before
    assert editor.send("/books/edit?pk=1", {"title": "Other"}).status_code == 303
    assert book(editor).model_dump() == {**before, "title": "Other"}
    assert len(editor.all(BookTag)) == 1


def test_what_is_emptied_is_emptied(editor: House) -> None:
    """An optional reference, a list of relations, a checkbox, a text, a date."""
    editor.add(BookTag(book_id=1, tag_name="new"))
    editor.send("/books/edit?pk=1", {"editor_id": "2", "published": "2020-01-01", "summary": "x"})
    assert book(editor).editor_id == 2
    form = {"editor_id": "", "published": "", "summary": "", "tags.sent": "1", "in_print.sent": "1"}
    assert editor.send("/books/edit?pk=1", form).status_code == 303
    found = book(editor)
    assert (found.editor_id, found.published, found.summary) == (None, None, "")
    assert found.in_print is False
    assert editor.all(BookTag) == []


def test_the_chosen_record_stands_in_the_form_whatever_a_lookup_would_say(house: House) -> None:
    """Rendered by the server: no script, no look-up and no delay can lose it."""
    house.add(*(Author(id=number, name=f"Author {number}") for number in range(1, 201)))
    house.add(Book(id=1, title="Alpha", isbn="a", author_id=200))
    house.signed_in(*LIBRARIAN)
    page = house.open("/books/edit?pk=1").text
    assert '<option value="200" selected>Author 200</option>' in page
    assert house.send("/books/edit?pk=1", fields_of(page)).status_code == 303
    assert book(house).author_id == 200


def test_a_relation_of_very_many_is_not_edited_by_a_list_of_them(house: House) -> None:
    """It is shown, and cannot be cut to what a form holds."""
    house.add(Author(id=1, name="Ada"))
    house.add(Book(id=1, title="Alpha", isbn="a", author_id=1))
    house.add(*(Tag(name=f"t{number}") for number in range(201)))
    house.add(*(BookTag(book_id=1, tag_name=f"t{number}") for number in range(201)))
    house.signed_in(*LIBRARIAN)
    page = house.open("/books/edit?pk=1").text
    assert "and more" in page
    assert house.send("/books/edit?pk=1", {**fields_of(page), "tags.sent": "1"}).status_code == 303
    assert len(house.all(BookTag)) == 201


def test_read_only_fields_are_shown_and_never_written(editor: House) -> None:
    """Sent by hand too."""
    assert 'name="pages"' not in editor.open("/books/edit?pk=1").text
    assert editor.send("/books/edit?pk=1", {"pages": "7"}).status_code == 303
    assert editor.send("/books/edit?pk=1", {"id": "7", "password_hash": "x"}).status_code == 303
    assert book(editor).pages == 0


def test_a_text_with_line_ends_survives_an_edit_of_another_field(stocked: House) -> None:
    """Browsers take the line ends out of a line of input."""
    stocked.signed_in("books:view", "books:change")
    stocked.add(Book(title="two\nlines", isbn="lines", author_id=1))
    [book] = [each for each in stocked.all(Book) if each.isbn == "lines"]
    form = {"title": "twolines", "isbn": "changed"}
    assert stocked.send(f"/books/edit?pk={book.id}", form).status_code == 303
    [book] = [each for each in stocked.all(Book) if each.isbn == "changed"]
    assert book.title == "two\nlines"


ERRORS: list[tuple[dict[str, Any], str, str]] = [
    ({"title": ""}, "title", "This field is required."),
    ({"title": "x" * 61}, "title", "at most 60 characters"),
    ({"isbn": "b"}, "isbn", "There is one already with this value."),
    ({"price": "free"}, "price", "valid decimal"),
    ({"price": "1.234"}, "price", "no more than 2 decimal places"),
    ({"price": "NaN"}, "price", "finite number"),
    ({"price": "-1"}, "price", "This has to be at least 0."),
    ({"weight": "heavy"}, "weight", "valid number"),
    ({"weight": "inf"}, "weight", "does not fit"),
    ({"weight": ""}, "weight", "This field is required."),
    ({"status": "lost"}, "status", "is a draft"),
    ({"published": "yesterday"}, "published", "valid date"),
    ({"added_at": "2024-13-01T00:00"}, "added_at", "valid datetime"),
    ({"added_at": ""}, "added_at", "This field is required."),
    ({"extra": "{"}, "extra", "not JSON"),
    ({"extra": "[" * 100_000}, "extra", "not JSON"),
    ({"extra": "NaN"}, "extra", "not JSON"),
    ({"author_id": "99"}, "author_id", "There is no such author"),
    ({"author_id": "abc"}, "author_id", "There is no such author"),
    ({"author_id": str(10**30)}, "author_id", "There is no such author"),
    ({"author_id": ""}, "author_id", "This field is required."),
    ({"tags": ["new", "gone"], "tags.sent": "1"}, "tags", "There is no such tag"),
    ({"title": "a\0b"}, "title", "does not fit"),
]


def test_an_error_stands_at_its_field_and_keeps_what_was_typed(
    editor: House, subtests: pytest.Subtests
) -> None:
    """422, and the record is as it was."""
    before = book(editor).model_dump()
    for form, field, message in ERRORS:
        with subtests.test(f"{form}"[:80]):
            answer = editor.send("/books/edit?pk=1", {"title": "Typed", **form})
            assert answer.status_code == 422
            error = answer.text.split(f'id="{field}-error">')[1].split("</p>")[0]
            assert message in error
            assert "title" in form or 'value="Typed"' in answer.text
            assert book(editor).model_dump() == before


def test_all_errors_of_a_form_are_told_at_once(editor: House) -> None:
    """Not one after the other."""
    answer = editor.send("/books/add", {"title": "", "isbn": "", "author_id": ""})
    assert answer.text.count("This field is required.") == 3


def test_two_with_the_same_key_are_told_apart(editor: House) -> None:
    """A key that is typed may be taken; a composite one too."""
    answer = editor.send("/tags/add", {"name": "new"})
    assert answer.status_code == 422
    assert "There is one already" in answer.text
    form = {"book_id": "1", "number": "1"}
    assert editor.send("/copies/add", form).status_code == 303
    again = editor.send("/copies/add", form)
    assert again.status_code == 422
    assert "There is one already" in again.text


def test_no_answer_holds_a_statement(editor: House) -> None:
    """What the database said is nobody's business."""
    for form in ({"isbn": "b"}, {"price": "-1"}, {"price": "999999.99"}):
        page = editor.send("/books/edit?pk=1", form).text
        assert "UPDATE" not in page
        assert "sqlalche" not in page
