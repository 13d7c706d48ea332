"""Pages of the app's own models: lists, forms, references, errors."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin import RecordCreated, RecordDeleted, RecordEvent
from backoffice.core import InvalidInput
from tests.admin.conftest import House, fields_of
from tests.admin.library import Author, Book, BookTag, Copy, Status, Tag

ALL = ("books:*", "authors:*", "tags:*", "copies:*")


@pytest.fixture
def editor(stocked: House) -> House:
    """Somebody who may do everything to the library, signed in."""
    stocked.signed_in(*ALL)
    return stocked


def book(house: House, key: int = 1) -> Book:
    found = house.get(Book, key)
    assert found is not None
    return found


def titles(page: str) -> list[str]:
    return [title for title in ("Alpha", "Beta", "Gamma") if f">{title}" in page]


# Lists


def test_a_list_shows_the_columns_that_were_asked_for(editor: House) -> None:
    """ModelAdmin.list_display, the author by name, in the order of ModelAdmin.ordering."""
    page = editor.open("/books").text
    assert "Alpha" in page
    assert ">Ada</a>" in page
    assert "ISBN" not in page.split("<thead>")[1].split("</thead>")[0]
    assert page.index("Alpha") < page.index("Beta") < page.index("Gamma")


def test_columns_that_look_like_secrets_are_nowhere(editor: House) -> None:
    """Not in lists, records, forms, exports, filters."""
    paths = ("/authors", "/authors/detail?pk=1", "/authors/edit?pk=1", "/authors/export")
    for path in (*paths, "/authors/export?format=json", "/authors/add"):
        page = editor.open(path).text
        assert "never-shown" not in page
        assert "password" not in page.lower()
        assert "secret" not in page.lower()
    assert editor.open('/authors?filter=password_hash__contains="n"').status_code == 400


SEARCHES = [
    ("alp", ["Alpha"]),
    ("ALPHA", ["Alpha"]),
    ("100%", ["Gamma"]),
    ("%", ["Gamma"]),
    ("_", []),
    ("gam 100", ["Gamma"]),
    ("alpha beta", []),
    ("never-shown", []),
]


def test_a_search_finds_each_word_in_the_text_fields(
    editor: House, subtests: pytest.Subtests
) -> None:
    """Without regard to case; a percent sign is a percent sign."""
    for text, found in SEARCHES:
        with subtests.test(text):
            answer = editor.client.get("/admin/books", params={"q": text})
            assert titles(answer.text) == found


FILTERS = [
    ("author_id__eq=2", ["Beta"]),
    ('title__contains="lph"', ["Alpha"]),
    ("weight__gt=1", ["Alpha"]),
    ("price__eq=9.90", ["Alpha", "Beta", "Gamma"]),
    ('status__eq="is a draft"', ["Alpha", "Beta", "Gamma"]),
    ('status__in="is out","is a draft"', ["Alpha", "Beta", "Gamma"]),
    ("in_print__is_true", ["Alpha", "Beta", "Gamma"]),
    ("published__is_null", ["Alpha", "Beta", "Gamma"]),
    ("editor_id__is_not_null", []),
    ('added_at__between="2000-01-01T00:00".."2999-01-01T00:00"', ["Alpha", "Beta", "Gamma"]),
    ('added_at__eq="2000-01-01T00:00"', []),
    ("added_at__in_past", ["Alpha", "Beta", "Gamma"]),
    ('published__between="2000-01-01".."2001-01-01"', []),
    ('title__eq="Alpha" OR title__eq="Beta"', ["Alpha", "Beta"]),
]


def test_a_filter_finds_what_it_says(editor: House, subtests: pytest.Subtests) -> None:
    """By each kind of column."""
    for condition, found in FILTERS:
        with subtests.test(condition):
            answer = editor.client.get("/admin/books", params={"filter": condition})
            assert answer.status_code == 200, answer.text
            assert titles(answer.text) == found


def test_a_filter_can_be_taken_out_again(editor: House) -> None:
    """Each condition is told in words, with the address of the list without it."""
    page = editor.open('/books?filter=title__eq="Alpha"&q=a').text
    assert 'href="/admin/books?q=a"' in page


def test_pages_of_a_list_hold_as_many_as_the_settings_say(house: House) -> None:
    """25 by default; the address may ask for another number."""
    house.add(*(Tag(name=f"tag {number:02}") for number in range(30)))
    house.signed_in("tags:view")
    assert house.open("/tags").text.count("/admin/tags/detail") == 25
    assert house.open("/tags?page=2").text.count("/admin/tags/detail") == 5
    assert house.open("/tags?page_size=10").text.count("/admin/tags/detail") == 10
    assert "tag 29" in house.open("/tags?page=999").text


def test_a_list_is_sorted_by_any_column(editor: House) -> None:
    """Both ways; and never leaves two records undecided."""
    down = editor.open("/books?sort=title__desc").text
    assert down.index("Gamma") < down.index("Beta") < down.index("Alpha")
    same = editor.open("/books?sort=price__asc").text
    assert same.index("Alpha") < same.index("Beta") < same.index("Gamma")


def test_an_empty_list_says_how_to_fill_it(house: House) -> None:
    """And a search without a hit how to get back."""
    house.signed_in("tags:*")
    assert "Add the first" in house.open("/tags").text
    assert "Show all tags" in house.open("/tags?q=x").text


# Records


def test_a_record_shows_everything_and_what_refers_to_it(editor: House) -> None:
    """With the way to the records that do."""
    assert "Gamma 100%" in editor.open("/books/detail?pk=3").text
    page = editor.open("/authors/detail?pk=1").text
    assert "Books by Author" in page
    link = page.split('class="whole" href="')[1].split('"')[0]
    listed = editor.client.get(link.replace("&#34;", '"').replace("&amp;", "&")).text
    assert titles(listed) == ["Alpha", "Gamma"]


def test_hostile_text_is_text(editor: House) -> None:
    """In lists, records, forms, choices, deletions."""
    script = "<script>alert('x')</script>"
    editor.add(Author(id=9, name=script), Book(id=9, title=script, isbn=script[:20], author_id=9))
    editor.add(Tag(name=script))
    for path in (
        "/books",
        "/authors",
        "/books/detail?pk=9",
        "/books/edit?pk=9",
        "/authors/detail?pk=9",
        "/books/action?name=delete&pks=9",
        "/tags",
        f"/books?q={script}",
        f"/books?filter=title__eq=%22{script}%22",
    ):
        answer = editor.open(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path


# Adding and changing


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
    house.signed_in(*ALL)
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
    house.signed_in(*ALL)
    page = house.open("/books/edit?pk=1").text
    assert "and 181 more" in page
    assert house.send("/books/edit?pk=1", {**fields_of(page), "tags.sent": "1"}).status_code == 303
    assert len(house.all(BookTag)) == 201


def test_read_only_fields_are_shown_and_never_written(editor: House) -> None:
    """Sent by hand too."""
    assert 'name="pages"' not in editor.open("/books/edit?pk=1").text
    assert editor.send("/books/edit?pk=1", {"pages": "7"}).status_code == 303
    assert editor.send("/books/edit?pk=1", {"id": "7", "password_hash": "x"}).status_code == 303
    assert book(editor).pages == 0


# Errors


ERRORS: list[tuple[dict[str, Any], str, str]] = [
    ({"title": ""}, "title", "This field is required."),
    ({"title": "x" * 61}, "title", "at most 60 characters"),
    ({"isbn": "b"}, "isbn", "There is one already with this value."),
    ({"price": "free"}, "price", "valid decimal"),
    ({"price": "1.234"}, "price", "no more than 2 decimal places"),
    ({"price": "NaN"}, "price", "finite number"),
    ({"price": "-1"}, "price", "ck_library_book_price"),
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


def test_a_record_with_a_composite_key_can_be_shown_changed_and_deleted(editor: House) -> None:
    """Its key stands in one parameter."""
    editor.add(Copy(book_id=1, number=2, shelf="A"))
    assert "A" in editor.open("/copies/detail?pk=1,2").text
    assert editor.send("/copies/edit?pk=1,2", {"shelf": "B"}).status_code == 303
    found = editor.get(Copy, (1, 2))
    assert found is not None
    assert found.shelf == "B"
    assert editor.send("/copies/action", {"name": "delete", "pks": "1,2"}).status_code == 303
    assert editor.all(Copy) == []


# Deleting


def test_deleting_asks_first_and_names_what_goes(editor: House) -> None:
    """By a page of its own, so that it works without scripts."""
    page = editor.open("/books/action?name=delete&pks=1&pks=2").text
    assert "Delete 2 books?" in page
    assert "Alpha" in page
    assert len(editor.all(Book)) == 3
    answer = editor.send("/books/action", {"name": "delete", "pks": ["1", "2"]})
    assert answer.status_code == 303
    assert [each.title for each in editor.all(Book)] == ["Gamma 100%"]


def test_what_is_referred_to_is_not_deleted(editor: House) -> None:
    """The page says so beforehand; none of the chosen goes."""
    editor.add(Author(id=3, name="Unread"))
    assert "Books by Author" in editor.open("/authors/action?name=delete&pks=1").text
    answer = editor.send("/authors/action", {"name": "delete", "pks": ["1", "3"]})
    assert answer.status_code == 409
    assert "other records refer" in answer.text
    assert len(editor.all(Author)) == 3


# Events


def test_each_change_is_an_event_in_its_own_transaction(editor: House) -> None:
    """Who, what, which fields, from where; in the audit log."""
    told = len(editor.events())
    editor.send("/books/add", {"title": "Delta", "isbn": "d", "author_id": "1"})
    editor.send("/books/edit?pk=1", {"title": "Alpha!", "weight": "2"})
    editor.send("/books/action", {"name": "delete", "pks": "2"})
    added, changed, deleted = editor.events()[told:]
    assert (added.event, added.subject) == ("admin.record_created", "book:4")
    assert (changed.event, changed.subject) == ("admin.record_changed", "book:1")
    assert changed.data["fields"] == ["title", "weight"]
    assert (deleted.event, deleted.subject) == ("admin.record_deleted", "book:2")
    assert {each.address for each in (added, changed, deleted)} == {"testclient"}
    assert {each.actor.partition(":")[0] for each in (added, changed, deleted)} == {"user"}


def test_a_refused_change_leaves_no_event(editor: House) -> None:
    """The entry is of the transaction that did not come to be."""
    told = len(editor.events())
    assert editor.send("/books/edit?pk=1", {"isbn": "b"}).status_code == 422
    assert editor.send("/authors/action", {"name": "delete", "pks": "1"}).status_code == 409
    assert len(editor.events()) == told


@pytest.fixture
def listening(settings: None) -> Iterator[House]:
    """An app of its own, to add listeners to; with somebody signed in."""
    with House() as house:
        house.add(Tag(name="old"))
        house.signed_in(*ALL)
        yield house


def test_a_listener_may_refuse_a_change(listening: House) -> None:
    """What it says stands above the form; nothing is kept, neither record nor event."""

    @listening.auth.within(RecordCreated)
    async def refuse(_: RecordCreated, __: AsyncSession) -> None:
        raise InvalidInput("The shop is closed.")

    told = len(listening.events())
    answer = listening.send("/tags/add", {"name": "new"})
    assert answer.status_code == 422
    assert "The shop is closed." in answer.text
    assert [each.name for each in listening.all(Tag)] == ["old"]
    assert len(listening.events()) == told


def test_listeners_hear_of_records(listening: House) -> None:
    """By class: those of records, and nothing else."""
    heard: list[str] = []

    async def hear(event: RecordEvent, _: AsyncSession) -> None:
        heard.append(event.name)

    for kind in (RecordCreated, RecordDeleted):
        listening.auth.within(kind)(hear)
    listening.send("/tags/add", {"name": "new"})
    listening.send("/authors/add", {"name": "Ada"})
    listening.send("/authors/edit?pk=1", {"name": "Grace"})
    listening.send("/tags/action", {"name": "delete", "pks": "old"})
    assert heard == ["admin.record_created"] * 2 + ["admin.record_deleted"]


# Exports


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


def test_an_export_has_its_limit(stocked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made in memory; the page says what to do."""
    monkeypatch.setenv("BACKOFFICE_ADMIN__EXPORT_LIMIT", "2")
    with House() as other:
        other.signed_in("books:view", "books:export")
        answer = other.open("/books/export")
        assert answer.status_code == 400
        assert "filter them to at most 2" in answer.text
        assert other.open("/books/export?q=alpha").status_code == 200


def test_a_text_with_line_ends_survives_an_edit_of_another_field(stocked: House) -> None:
    """Browsers take the line ends out of a line of input."""
    stocked.signed_in("books:view", "books:change")
    stocked.add(Book(title="two\nlines", isbn="lines", author_id=1))
    [book] = [each for each in stocked.all(Book) if each.isbn == "lines"]
    form = {"title": "twolines", "isbn": "changed"}
    assert stocked.send(f"/books/edit?pk={book.id}", form).status_code == 303
    [book] = [each for each in stocked.all(Book) if each.isbn == "changed"]
    assert book.title == "two\nlines"
