"""What an action of the app changes beside the records that were chosen is told of as well."""

from collections.abc import Iterator, Sequence

import pytest

from backoffice.admin import ActionContext, Admin, action
from tests.admin.conftest import BookAdmin, House
from tests.admin.extended import Extended
from tests.admin.history.changes import changes
from tests.admin.library import Author, Book, Tag


@action("Name its author")
async def name_author(books: Sequence[Book], context: ActionContext) -> None:
    for book in books:
        author = await context.session.get_one(Author, book.author_id)
        author.name = "Named"


@action("Mark as new")
async def mark(books: Sequence[Book], context: ActionContext) -> None:
    tag = await context.session.get_one(Tag, "new")
    for book in books:
        await context.session.refresh(book, ["tags"])
        book.tags.append(tag)


class Shelf(BookAdmin):
    actions = (name_author, mark)


@pytest.fixture
def house(settings: None) -> Iterator[House]:
    with Extended(lambda auth: Admin(auth, models=[Author, Shelf, Tag])) as found:
        yield found


@pytest.mark.parametrize(
    ("name", "resource", "field"), [("name-author", "authors", "name"), ("mark", "books", "tags")]
)
def test_it_is_told_with_who_has_done_it(
    stocked: House, name: str, resource: str, field: str
) -> None:
    """Though no event tells of it."""
    who = stocked.signed_in("books:*")
    answer = stocked.send("/books/action", {"name": name, "pks": "1"})
    assert answer.status_code == 303, answer.text
    (told,) = changes(stocked, resource)
    assert (told.actor, told.through) == (f"user:{who.id}", "admin")
    assert list(told.changes) == [field]
