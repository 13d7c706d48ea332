"""Policies hold on every page of the admin, and for requests made by hand."""

from httpx2 import Response

from tests.admin.conftest import House
from tests.admin.library import Book, Status
from tests.admin.policies.ruled import RuledHouse, changes, deletes, narrowed, sees, titles


def test_each_record_is_answered_as_the_plain_model_says(ruled: RuledHouse) -> None:
    """Its page, its form, its deletion, asked for and sent by hand."""
    for book in narrowed(ruled):
        pk, found = book.id, {}
        found["view"] = ruled.open(f"/books/detail?pk={pk}").status_code
        found["form"] = ruled.open(f"/books/edit?pk={pk}").status_code
        found["edit"] = ruled.send(f"/books/edit?pk={pk}", {"summary": "new"}).status_code
        asked = ruled.open(f"/books/action?name=delete&pks={pk}")
        found["ask"] = asked.status_code
        hidden = 403 if sees(book) else 404
        assert found == {
            "view": 200 if sees(book) else 404,
            "form": 200 if changes(book) else hidden,
            "edit": 303 if changes(book) else hidden,
            "ask": 200 if deletes(book) else hidden,
        }, book


def test_lists_counts_searches_and_files_hold_what_may_be_seen(ruled: RuledHouse) -> None:
    """A file what may be taken away as well."""
    books = narrowed(ruled)
    seen = {each.title for each in books if sees(each)}
    for query in ("", "?q=Title", "?sort=title__desc", "?filter=pages__eq%3D0"):
        page = ruled.open(f"/books{query}").text
        assert titles(page) == seen, query
        assert f'<span class="count">{len(seen)}</span>' in page
    assert f">{len(seen)}<" in ruled.open("/").text
    assert titles(ruled.open("/books/export?format=json").text) == {
        each.title for each in books if changes(each)
    }
    found = ruled.open("/books/lookup?q=Title").json()["items"]
    assert {each["label"] for each in found} == seen


def test_pencils_and_buttons_stand_where_they_would_work(ruled: RuledHouse) -> None:
    for book in narrowed(ruled):
        link = f"/admin/books/edit?pk={book.id}"
        assert (f'{link}"' in ruled.open("/books").text) == changes(book)
        if sees(book):
            assert (link in ruled.open(f"/books/detail?pk={book.id}").text) == changes(book)


def test_one_record_among_several_that_one_may_not_delete_keeps_them_all(ruled: RuledHouse) -> None:
    books = narrowed(ruled)
    one, other = (next(e for e in books if sees(e) and deletes(e) == may) for may in (True, False))
    unseen = next(each for each in books if not sees(each))
    assert delete(ruled, one, other).status_code == 403
    assert delete(ruled, one, unseen).status_code == 404
    assert ruled.get(Book, one.id) is not None
    assert delete(ruled, one).status_code == 303
    assert ruled.get(Book, one.id) is None


def delete(house: House, *books: Book) -> Response:
    return house.send("/books/action", {"name": "delete", "pks": [each.id for each in books]})


def test_nobody_makes_a_record_that_they_could_not_change(ruled: RuledHouse) -> None:
    """Nor makes one such of one that they may: it would be out of everybody's hands."""
    books = narrowed(ruled, "books:see-isbn")
    new = {"title": "New", "isbn": "new", "author_id": "1", "status": Status.out}
    refused = ruled.send("/books/add", new)
    assert refused.status_code == 422
    assert "You may not add a record such as this would be." in refused.text
    assert ruled.send("/books/add", {**new, "status": Status.draft}).status_code == 303
    book = next(each for each in books if changes(each))
    refused = ruled.send(f"/books/edit?pk={book.id}", {"status": Status.out})
    assert refused.status_code == 422
    assert {each.title for each in ruled.all(Book) if each.status is Status.out}.isdisjoint(
        {"New", book.title}
    )
