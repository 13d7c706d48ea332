"""What a ModelAdmin may say of its page, and what is refused at start."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin import ActionContext, Admin, Fieldset, ModelAdmin, action, column
from backoffice.auth import Auth
from backoffice.core import Conflict, SetupError
from tests.admin.conftest import LIBRARIAN, House, book, fields_of
from tests.admin.extended import Extended
from tests.admin.library import Author, Book, Copy, Tag


@column("Dearer", ordering="price")
def dearer(book: Book) -> Decimal:
    return book.price * 2


@column(permission="books:count")
async def copies(books: Sequence[Book], session: AsyncSession) -> Sequence[int]:
    keys = [each.id for each in books]
    query = select(Copy.book_id, func.count()).where(col(Copy.book_id).in_(keys))
    found: dict[Any, int] = dict((await session.exec(query.group_by(col(Copy.book_id)))).all())
    return [found.get(each, 0) for each in keys]


@column("By", relations=("author",))
def by(book: Book) -> str:
    return f"<{book.author.name}>"


@action("Take out of print", verb="retire", confirmation="They are sold no more.")
async def retire(books: Sequence[Book], context: ActionContext) -> None:
    for each in books:
        if each.title == "Beta":
            raise Conflict("Beta stays in print.")
        each.in_print = False


class BookPage(ModelAdmin):
    model = Book
    list_display = ("title", dearer, copies, by, "shouted")
    fieldsets = (
        Fieldset("Names", ("title", "isbn", "author"), description="What it says."),
        (None, {"fields": ("summary",)}),
        ("Money", {"fields": ("price", dearer), "classes": ("collapse",)}),
    )
    readonly_fields = ("isbn", dearer)
    exclude = ("weight",)
    actions = (retire,)
    list_per_page = 2
    save_as = True
    view_on_site = "/books/{isbn}"

    def shouted(self, book: Book) -> str:
        return book.title.upper()


class AuthorPage(ModelAdmin):
    model = Author
    fields = ("born", "name")

    @staticmethod
    def view_on_site(author: Author) -> str:
        return "javascript:alert(1)" if author.id == 1 else f"/authors/{author.id}"


@pytest.fixture
def house(settings: None) -> Iterator[House]:
    made = Extended(lambda auth: Admin(auth, models=[AuthorPage, BookPage, Tag, Copy]))
    with made as house:
        house.add(Author(name="Ada"), Author(name="Grace"))
        house.add(
            Book(title="Alpha", isbn="a/1", author_id=1, price=Decimal(5), weight=77.5),
            Book(title="Beta", isbn="b", author_id=2, price=Decimal(3)),
            Book(title="Gamma", isbn="c", author_id=1, price=Decimal(4)),
        )
        house.add(Copy(book_id=1, number=1), Copy(book_id=1, number=2))
        yield house


@pytest.fixture
def editor(house: House) -> House:
    house.signed_in(*LIBRARIAN)
    return house


def test_a_list_has_computed_columns(editor: House) -> None:
    page = editor.open("/books").text
    assert "10.00" in page
    assert "&lt;Ada&gt;" in page
    assert "ALPHA" in page
    assert 'data-label="Copies">2<' in page


def test_a_computed_column_is_sorted_by_a_column(editor: House) -> None:
    assert "sort=price__asc" in editor.open("/books").text
    page = editor.open("/books?sort=price__asc").text
    assert page.index("BETA") < page.index("GAMMA")


def test_a_computed_column_may_need_a_permission(house: House) -> None:
    house.signed_in("books:view", "books:export")
    assert "Copies" not in house.open("/books").text
    assert "copies" not in house.open("/books/export?format=csv").text
    assert "Copies" not in house.open("/books/detail?pk=1").text


def test_an_export_has_computed_columns(editor: House) -> None:
    rows = editor.open("/books/export?format=json").json()
    assert {each["Title"]: Decimal(str(each["Dearer"])) for each in rows}["Alpha"] == 10


def test_a_page_has_as_many_records_as_it_says(editor: House) -> None:
    assert editor.open("/books").text.count('name="pks"') == 2


def test_a_form_has_its_fields_under_headings_and_no_others(editor: House) -> None:
    page = editor.open("/books/edit?pk=1").text
    assert "<legend>Names</legend>" in page
    assert "What it says." in page
    assert "<summary>Money</summary>" in page
    form = {name for name in fields_of(page) if "." not in name and name != "csrf_token"}
    assert form == {"title", "author_id", "summary", "price"}
    assert "10.00" in page


def test_a_field_that_is_not_of_the_form_is_not_written_by_hand(editor: House) -> None:
    before = book(editor)
    editor.send("/books/edit?pk=1", {"isbn": "z", "weight": "1", "pages": "9", "title": "New"})
    after = book(editor)
    assert (after.isbn, after.weight, after.pages) == (before.isbn, before.weight, before.pages)
    assert after.title == "New"


def test_an_excluded_field_is_nowhere(editor: House) -> None:
    for path in ("/books", "/books/detail?pk=1", "/books/edit?pk=1", "/books/export?format=json"):
        assert "77.5" not in editor.open(path).text
        assert "eight" not in editor.open(path).text.replace('height="', "")
    assert editor.open('/books?filter=weight__gt="1"').status_code == 400
    assert editor.open("/books?sort=weight__asc").status_code in (200, 400)


def test_fields_are_in_the_order_that_was_said(editor: House) -> None:
    page = editor.open("/authors/edit?pk=1").text
    assert page.index('name="born"') < page.index('name="name"')
    assert "secret_note" not in page


def test_an_action_of_the_app_is_done_to_what_was_chosen(house: House) -> None:
    house.signed_in("books:view", "books:retire")
    question = house.open("/books/action?name=retire&pks=1&pks=3").text
    assert "They are sold no more." in question
    answer = house.send("/books/action", {"name": "retire", "pks": ["1", "3"]})
    assert answer.status_code == 303
    assert [each.in_print for each in sorted(house.all(Book), key=lambda one: one.title)] == [
        False,
        True,
        False,
    ]
    told = [each.subject for each in house.events() if each.event == "admin.record_changed"]
    assert sorted(told) == ["book:1", "book:3"]


def test_an_action_needs_its_own_permission(house: House) -> None:
    house.signed_in("books:view", "books:change")
    assert "Take out of print" not in house.open("/books").text
    answer = house.send("/books/action", {"name": "retire", "pks": "1"})
    assert answer.status_code == 403
    assert book(house).in_print
    assert "books:retire" in {each.name for each in house.services.catalogue.all()}


def test_what_an_action_refuses_leaves_nothing_half_done(house: House) -> None:
    house.signed_in("books:view", "books:retire")
    answer = house.send("/books/action", {"name": "retire", "pks": ["1", "2"]})
    assert answer.status_code == 409
    assert "Beta stays in print." in answer.text
    assert all(each.in_print for each in house.all(Book))


def test_a_record_is_saved_as_a_new_one(editor: House) -> None:
    form = fields_of(editor.open("/authors/edit?pk=1").text)
    assert "_save_as_new" not in editor.open("/authors/edit?pk=1").text
    assert "_save_as_new" in editor.open("/books/edit?pk=1").text
    editor.send("/authors/edit?pk=1", form | {"name": "Copy", "_save_as_new": ""})
    assert {each.name for each in editor.all(Author)} == {"Copy", "Grace"}


def test_saving_as_new_needs_the_permission_to_add(house: House) -> None:
    house.signed_in("books:view", "books:change", "authors:view")
    assert "_save_as_new" not in house.open("/books/edit?pk=1").text
    answer = house.send("/books/edit?pk=1", {"title": "Copy", "_save_as_new": ""})
    assert answer.status_code == 403
    assert len(house.all(Book)) == 3
    assert book(house).title == "Alpha"


def test_a_record_leads_to_where_it_is_met(editor: House) -> None:
    assert 'href="/books/a%2F1"' in editor.open("/books/detail?pk=1").text
    assert 'href="/authors/2"' in editor.open("/authors/detail?pk=2").text
    assert "javascript:" not in editor.open("/authors/detail?pk=1").text


def options(**given: Any) -> type[ModelAdmin]:
    return type("Page", (ModelAdmin,), {"model": Book, **given})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"list_dislay": ("title",)}, "did you mean list_display"),
        ({"list_display": "title"}, r"takes a tuple, such as \('title',\)"),
        ({"list_display": ("titel",)}, "no field 'titel'"),
        ({"list_display": (lambda book: book,)}, "has no name"),
        ({"list_display": (column(name="title")(str),)}, "'title' is a field already"),
        ({"list_display": (column(name="x", ordering="y")(str),)}, "cannot be sorted by 'y'"),
        ({"list_display": (column(name="x", relations=("y",))(str),)}, "'y' is no relationship"),
        ({"list_filter": ("nonesuch",)}, "no field 'nonesuch'"),
        ({"search_fields": ("pages",)}, "'pages' holds no text"),
        ({"search_fields": ("author__password_hash",)}, "no field 'password_hash'"),
        ({"search_fields": ("nobody__name",)}, "follows no relationship; there are author"),
        ({"ordering": ("-nonesuch",)}, "no field 'nonesuch'"),
        ({"fields": ("title", "title")}, "has title twice"),
        ({"fields": ("title",), "fieldsets": (("", {"fields": ()}),)}, "set one of them"),
        ({"fieldsets": (("Money", ("price",)),)}, "takes Fieldset"),
        ({"fieldsets": (Fieldset("Money", ("prize",)),)}, "no field 'prize'"),
        ({"exclude": ("nonesuch",)}, "no field 'nonesuch'"),
        ({"exclude": ("title",), "list_display": ("title",)}, "no field 'title'"),
        ({"readonly_fields": ("nonesuch",)}, "no field 'nonesuch'"),
        ({"autocomplete_fields": ("title",)}, "takes references"),
        ({"list_per_page": -1}, "takes 1 to"),
        ({"date_hierarchy": "title"}, "takes a date or a time"),
        ({"date_hierarchy": "published"}, "needs an index"),
        ({"actions": (print,)}, "functions made by @action"),
        ({"actions": (retire, retire)}, "has two called retire"),
        ({"inlines": (Copy,)}, "takes subclasses of Inline"),
        ({"dangerous": ("retire",)}, "names 'retire'"),
        ({"view_on_site": "javascript:{id}"}, "takes a path"),
        ({"view_on_site": "//evil.example/{id}"}, "takes a path"),
        ({"view_on_site": "/books/{nonesuch}"}, "which is no column"),
        ({"resource": "No!"}, "cannot be the name of a resource"),
    ],
)
def test_what_is_wrong_is_refused_at_start(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SetupError, match=told):
        Admin(Auth(), models=[Author, options(**given), Tag, Copy])


@pytest.mark.parametrize(
    ("name", "verb"), [("delete", "change"), ("", "Change it"), ("A b", "change")]
)
def test_an_action_that_cannot_be_is_refused(name: str, verb: str) -> None:
    async def run(_: Sequence[Book], __: ActionContext) -> None: ...

    made = action("Run", name=name or "run", verb=verb)
    with pytest.raises(SetupError, match="@action"):
        made(run)
