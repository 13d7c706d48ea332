"""What may not be seen of another model is not found, chosen, counted or lost by a relation."""

from datetime import date
from typing import Any

from sqlmodel import select

from tests.admin.conftest import fields_of
from tests.admin.library import Author, Book, BookTag, Status, Tag
from tests.admin.policies.ruled import RuledHouse, narrowed, titles

#: Seen and changed by everybody who may; of a writer whom nobody sees.
UNSEEN_WRITER, UNSEEN_TAG = 3, "hidden"


def draft(ruled: RuledHouse) -> Book:
    """A book of the writer and the tag that may not be seen, and of a tag that may."""
    book = Book(
        id=90,
        title="Title90",
        isbn="isbn90",
        published=date(2025, 1, 1),
        status=Status.draft,
        author_id=UNSEEN_WRITER,
    )
    ruled.add(book, *(Tag(name=each) for each in (UNSEEN_TAG, "open", "other")))
    ruled.add(*(BookTag(book_id=90, tag_name=each) for each in (UNSEEN_TAG, "open")))
    return book


def tags(ruled: RuledHouse) -> set[str]:
    async def found() -> set[str]:
        async with ruled.services.database.session() as session:
            return set((await session.exec(select(BookTag.tag_name))).all())

    return ruled.call(found())


def test_it_is_no_choice_and_has_no_name(ruled: RuledHouse) -> None:
    draft(ruled)
    narrowed(ruled, "authors:see-name")
    form, page = (ruled.open(f"/books/{each}?pk=90").text for each in ("edit", "detail"))
    for text in (form, page, ruled.open("/books").text, ruled.open("/books/add").text):
        assert "Writer3" not in text
    assert "hidden</option>" not in form
    assert "Writer1" in ruled.open("/books/add").text
    assert f"#{UNSEEN_WRITER}" in page


def test_it_cannot_be_chosen_by_hand(ruled: RuledHouse) -> None:
    """As if it were not there."""
    narrowed(ruled)
    draft(ruled)
    new: dict[str, Any] = {"title": "New", "author_id": str(UNSEEN_WRITER), "status": "is a draft"}
    refused = ruled.send("/books/add", new)
    assert refused.status_code == 422
    assert "There is no such author" in refused.text
    for seen in ("open", "other"):  # with it, and so as it is already; and something new
        refused = ruled.send("/books/edit?pk=90", {"tags": [UNSEEN_TAG, seen]})
        assert refused.status_code == 422
        assert "There is no such tag" in refused.text


def test_a_form_that_cannot_show_it_does_not_lose_it(ruled: RuledHouse) -> None:
    """Neither the one record that is referred to, nor one of several."""
    draft(ruled)
    narrowed(ruled, "books:see-isbn", "books:see-price")
    form = fields_of(ruled.open("/books/edit?pk=90").text)
    assert "author_id" not in form
    assert form["tags"] == ["open"]
    assert ruled.send("/books/edit?pk=90", form | {"summary": "new"}).status_code == 303
    book = ruled.get(Book, 90)
    assert book is not None
    assert (book.author_id, book.summary) == (UNSEEN_WRITER, "new")
    assert tags(ruled) == {UNSEEN_TAG, "open"}
    assert ruled.events()[-1].data["fields"] == ["summary"]
    form = fields_of(ruled.open("/books/edit?pk=90").text)
    ruled.send("/books/edit?pk=90", {**form, "tags": ["other"]})
    assert tags(ruled) == {UNSEEN_TAG, "other"}
    ruled.send("/books/edit?pk=90", {"tags.sent": "1"})
    assert tags(ruled) == {UNSEEN_TAG}


def test_what_refers_to_a_record_is_counted_as_it_may_be_seen(ruled: RuledHouse) -> None:
    """And not by a field that may not be read."""
    books = narrowed(ruled)
    page = ruled.open("/authors/detail?pk=1").text
    seen = [e for e in books if e.author_id == 1 and e.published is not None and e.in_print]
    assert f"{len(seen)}</" in page.partition("Books by Author")[2][:200]
    assert "Books by Editor" not in page
    ruled.client.cookies.clear()
    ruled.signed_in("books:view", "books:edit", "authors:view", email="bob@example.com")
    assert "Books by Editor" in ruled.open("/authors/detail?pk=1").text


def test_a_list_filtered_by_what_may_not_be_seen_shows_no_more(ruled: RuledHouse) -> None:
    """The key is a value of the record itself; the records are those that may be seen."""
    books = narrowed(ruled)
    page = ruled.open('/books?filter=author_id__eq%3D"3"').text
    assert titles(page) == {
        e.title for e in books if e.author_id == 3 and e.published is not None and e.in_print
    }
    assert ruled.open("/authors/detail?pk=3").status_code == 404
    assert ruled.get(Author, 3) is not None
