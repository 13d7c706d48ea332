"""Records that refer to another, edited in its form."""

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import event

from backoffice.admin import Admin, Inline, ModelAdmin, StackedInline, TabularInline
from backoffice.auth import Auth
from backoffice.core import SetupError
from tests.admin.conftest import LIBRARIAN, House, book, fields_of
from tests.admin.extended import Extended
from tests.admin.library import Author, Book, Copy, Tag


class Copies(TabularInline):
    model = Copy


class Written(StackedInline):
    model = Book
    fk_name = "author_id"
    fields = ("title", "isbn", "editor_id", "in_print", "pages")
    readonly_fields = ("pages",)
    max_num = 3


class AuthorPage(ModelAdmin):
    model = Author
    inlines = (Written,)


class BookPage(ModelAdmin):
    model = Book
    inlines = (Copies,)


@pytest.fixture
def house(settings: None) -> Iterator[House]:
    made = Extended(lambda auth: Admin(auth, models=[AuthorPage, BookPage, Tag, Copy]))
    with made as house:
        house.add(Author(name="Ada"), Author(name="Grace"))
        house.add(
            Book(title="Alpha", isbn="a", author_id=1, editor_id=2),
            Book(title="Beta", isbn="b", author_id=1),
            Book(title="Other", isbn="o", author_id=2),
        )
        house.add(Copy(book_id=1, number=1, shelf="A1"), Copy(book_id=1, number=2, shelf="A2"))
        yield house


@pytest.fixture
def editor(house: House) -> House:
    house.signed_in(*LIBRARIAN)
    return house


def shelves(house: House) -> dict[int, str]:
    return {each.number: each.shelf for each in house.all(Copy)}


def author_form(house: House) -> dict[str, object]:
    return dict(fields_of(house.open("/authors/edit?pk=1").text))


def test_the_form_of_a_record_has_those_that_refer_to_it(editor: House) -> None:
    form = author_form(editor)
    assert form["books.author_id-0-title"] == "Alpha"
    assert form["books.author_id-0-editor_id"] == "2"
    assert form["books.author_id-1-title"] == "Beta"
    assert "Other" not in form.values()


def test_a_form_sent_back_as_it_came_changes_nothing(editor: House) -> None:
    before = [each.model_dump() for each in editor.all(Book)]
    told = len(editor.events())
    assert editor.send("/authors/edit?pk=1", author_form(editor)).status_code == 303
    assert [each.model_dump() for each in editor.all(Book)] == before
    assert len(editor.events()) == told


def test_records_are_changed_added_and_deleted_in_one_go(editor: House) -> None:
    form = author_form(editor) | {
        "name": "Ada L.",
        "books.author_id-0-title": "Alpha 2",
        "books.author_id-1.delete": "on",
        "books.author_id-2-title": "New",
        "books.author_id-2-isbn": "n",
    }
    answer = editor.send("/authors/edit?pk=1", form)
    assert answer.status_code == 303, answer.text
    found = {each.title: each for each in editor.all(Book)}
    assert found.keys() == {"Alpha 2", "New", "Other"}
    assert (found["New"].author_id, found["Alpha 2"].editor_id) == (1, 2)
    names = [each.event for each in editor.events() if each.subject.startswith("book:")]
    assert sorted(names) == ["admin.record_changed", "admin.record_created", "admin.record_deleted"]


def test_a_new_record_has_its_own_from_the_start(editor: House) -> None:
    form = fields_of(editor.open("/authors/add").text) | {
        "name": "Barbara",
        "books.author_id-0-title": "New",
        "books.author_id-0-isbn": "n",
    }
    answer = editor.send("/authors/add", form)
    assert answer.status_code == 303, answer.text
    (found,) = (each for each in editor.all(Book) if each.title == "New")
    (author,) = (each for each in editor.all(Author) if each.name == "Barbara")
    assert found.author_id == author.id


def test_a_mistake_in_one_keeps_all_from_being_written_and_what_was_typed(editor: House) -> None:
    form = author_form(editor) | {
        "name": "Ada L.",
        "books.author_id-0-title": "Typed",
        "books.author_id-1-isbn": "o",
    }
    answer = editor.send("/authors/edit?pk=1", form)
    assert answer.status_code == 422
    assert "There is one already with this value." in answer.text
    typed = fields_of(answer.text)
    assert typed["books.author_id-0-title"] == "Typed"
    assert typed["books.author_id-1-isbn"] == "o"
    assert typed["name"] == "Ada L."
    assert {each.title for each in editor.all(Book)} == {"Alpha", "Beta", "Other"}
    assert editor.all(Author)[0].name == "Ada"


def test_what_is_not_sent_stays(editor: House) -> None:
    form = {"books.author_id-0.key": "1", "books.author_id-0-title": "Sent"}
    assert editor.send("/authors/edit?pk=1", form).status_code == 303
    found = book(editor)
    assert (found.title, found.isbn, found.editor_id, found.in_print) == ("Sent", "a", 2, True)
    assert len(editor.all(Book)) == 3


def test_a_record_of_another_is_out_of_reach(editor: House) -> None:
    """By a form that no page has made."""
    form = {"books.author_id-0.key": "3", "books.author_id-0-title": "Stolen"}
    editor.send("/authors/edit?pk=1", form)
    assert book(editor, 3).title == "Other"


def test_what_is_read_only_is_shown_and_not_written(editor: House) -> None:
    form = author_form(editor)
    assert "books.author_id-0-pages" not in form
    editor.send("/authors/edit?pk=1", form | {"books.author_id-0-pages": "99"})
    assert book(editor).pages == 0


def test_two_editors_of_one_are_told(editor: House) -> None:
    form = author_form(editor) | {"books.author_id-0-title": "Mine"}
    editor.send("/books/edit?pk=1", {"title": "Theirs"})
    answer = editor.send("/authors/edit?pk=1", form)
    assert answer.status_code == 422
    assert "“Theirs”" in answer.text
    assert book(editor).title == "Theirs"
    assert editor.send("/authors/edit?pk=1", fields_of(answer.text)).status_code == 303
    assert book(editor).title == "Mine"


def test_what_others_wrote_elsewhere_stays(editor: House) -> None:
    form = author_form(editor) | {"books.author_id-0-title": "Mine"}
    editor.send("/books/edit?pk=1", {"isbn": "theirs"})
    assert editor.send("/authors/edit?pk=1", form).status_code == 303
    assert (book(editor).title, book(editor).isbn) == ("Mine", "theirs")


def test_one_that_is_gone_is_told(editor: House) -> None:
    form = author_form(editor) | {"name": "Ada L."}
    editor.send("/books/action", {"name": "delete", "pks": "2"})
    answer = editor.send("/authors/edit?pk=1", form)
    assert answer.status_code == 422
    assert "deleted by somebody else" in answer.text
    assert editor.send("/authors/edit?pk=1", fields_of(answer.text)).status_code == 303


def test_more_than_may_be_edited_here_have_a_list_of_their_own(editor: House) -> None:
    editor.add(*(Book(title=f"B{each}", isbn=f"b{each}", author_id=1) for each in range(3)))
    page = editor.open("/authors/edit?pk=1").text
    assert "Edit them in their own list" in page
    assert "books.author_id-0" not in fields_of(page)


def test_more_new_ones_than_there_may_be_are_refused(editor: House) -> None:
    new = {
        f"books.author_id-{each}-{name}": f"n{each}"
        for each in range(5, 9)
        for name in ("title", "isbn")
    }
    answer = editor.send("/authors/edit?pk=1", author_form(editor) | new)
    assert answer.status_code == 422
    assert len(editor.all(Book)) == 3


def test_keys_of_two_columns(editor: House) -> None:
    form = fields_of(editor.open("/books/edit?pk=1").text)
    prefix = "copies.book_id"
    assert form[f"{prefix}-1-shelf"] == "A2"
    form |= {
        f"{prefix}-0-shelf": "Z",
        f"{prefix}-1.delete": "on",
        f"{prefix}-2-number": "3",
        f"{prefix}-2-shelf": "A3",
    }
    answer = editor.send("/books/edit?pk=1", form)
    assert answer.status_code == 303, answer.text
    assert shelves(editor) == {1: "Z", 3: "A3"}


@pytest.mark.parametrize(
    ("held", "change", "left"),
    [
        (("books:view",), {"copies.book_id-0-shelf": "Z"}, {1: "A1", 2: "A2"}),
        (("copies:view",), {"copies.book_id-0-shelf": "Z"}, {1: "A1", 2: "A2"}),
        (("copies:view",), {"copies.book_id-0.delete": "on"}, {1: "A1", 2: "A2"}),
        (("copies:view", "copies:change"), {"copies.book_id-0-shelf": "Z"}, {1: "Z", 2: "A2"}),
        (("copies:view", "copies:change"), {"copies.book_id-0.delete": "on"}, {1: "A1", 2: "A2"}),
        (("copies:view", "copies:delete"), {"copies.book_id-0.delete": "on"}, {2: "A2"}),
        (("copies:view",), {"copies.book_id-9-number": "9"}, {1: "A1", 2: "A2"}),
        (
            ("copies:view", "copies:add"),
            {"copies.book_id-9-number": "9"},
            {1: "A1", 2: "A2", 9: ""},
        ),
    ],
)
def test_each_deed_needs_the_permission_of_its_own_page(
    house: House, held: tuple[str, ...], change: dict[str, str], left: dict[int, str]
) -> None:
    """By hand-made requests as well."""
    house.signed_in("books:view", "books:change", "authors:view", *held)
    key = re.search(r'name="copies.book_id-0.key" value="([^"]+)"', page := book_page(house))
    assert ('name="copies.book_id-0-shelf"' in page) == ("copies:change" in held)
    sent = {"copies.book_id-0.key": key[1]} if key else {"copies.book_id-0.key": "1,1"}
    house.send("/books/edit?pk=1", {"title": "Alpha", **sent, **change})
    assert shelves(house) == left


def book_page(house: House) -> str:
    return house.open("/books/edit?pk=1").text


def test_the_page_asks_as_often_however_many_there_are(editor: House) -> None:
    """No question for each row."""
    counted: list[str] = []
    engine = editor.services.database.engine.sync_engine

    def note(*given: object) -> None:
        # What runs beside requests asks when it likes.
        if not any(each in str(given[2]) for each in ("_mail", "_jobs", "_revocation")):
            counted.append(str(given[2]))

    editor.open("/books/edit?pk=1")  # What is asked once, and kept, is asked now.
    event.listen(engine, "before_cursor_execute", note)
    editor.open("/books/edit?pk=1")
    few = len(counted)
    editor.add(*(Copy(book_id=1, number=each) for each in range(3, 15)))
    counted.clear()
    editor.open("/books/edit?pk=1")
    assert len(counted) == few


class OfNobody(Inline):
    model = Tag


class Ambiguous(Inline):
    model = Book


class TooMany(Inline):
    model = Copy
    max_num = 1_000


@pytest.mark.parametrize(
    ("model", "inline", "told"),
    [
        (Book, OfNobody, "needs one column that refers to Book, there is none"),
        (Author, Ambiguous, "there is author_id, editor_id; set fk_name"),
        (Book, TooMany, "max_num takes 1 to 100"),
    ],
)
def test_an_inline_that_cannot_be_is_refused(
    model: type[Book], inline: type[Inline], told: str
) -> None:
    options = type("Page", (ModelAdmin,), {"model": model, "inlines": (inline,)})
    others = [each for each in (Author, Book, Tag, Copy) if each is not model]
    with pytest.raises(SetupError, match=told):
        Admin(Auth(), models=[options, *others])
