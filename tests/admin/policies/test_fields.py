"""Field rules hold on every page of the admin, and for forms made by hand."""

from typing import Any

import pytest

from tests.admin.conftest import fields_of
from tests.admin.library import Book
from tests.admin.policies.ruled import RuledHouse, changes, narrowed, titles


def test_what_may_not_be_read_is_on_no_page(ruled: RuledHouse) -> None:
    """List, record, form, files, filters, and the names of records."""
    books = narrowed(ruled)
    book = next(each for each in books if changes(each))
    pages = [
        ruled.open("/books").text,
        ruled.open(f"/books/detail?pk={book.id}").text,
        ruled.open(f"/books/edit?pk={book.id}").text,
        ruled.open("/books/add").text,
        ruled.open("/books/export?format=json").text,
        ruled.open("/books/export?format=csv").text,
        ruled.open("/authors").text,
        ruled.open("/authors/lookup").text,
    ]
    for page in pages:
        assert not [each for each in ("isbn", "ISBN", "Price", "price", "Writer") if each in page]
        assert f"{book.price}" not in page
    assert {e["label"] for e in ruled.open("/authors/lookup").json()["items"]} == {
        "Author 1",
        "Author 2",
    }


def test_whoever_may_read_it_sees_it_there(ruled: RuledHouse) -> None:
    book = next(
        each
        for each in narrowed(ruled, "books:see-isbn", "books:see-price", "authors:see-name")
        if changes(each)
    )
    for path in ("/books/detail", "/books/edit"):
        page = ruled.open(f"{path}?pk={book.id}").text
        assert book.isbn in page
        assert f"{book.price}" in page
    assert "Writer1" in ruled.open("/books").text


@pytest.mark.parametrize("field", ["price", "isbn"])
def test_what_may_not_be_read_is_not_found_out_by_questions(ruled: RuledHouse, field: str) -> None:
    """By filter, order or search: each would tell a value bit by bit."""
    narrowed(ruled)
    for query in (f"filter={field}__eq%3D99", f"sort={field}__asc"):
        assert ruled.open(f"/books?{query}").status_code == 400
        assert ruled.open(f"/books/export?{query}").status_code == 400
    assert titles(ruled.open("/books?q=isbn1").text) == set()
    assert ruled.open("/books/lookup?q=isbn1").json()["items"] == []


def test_a_page_is_not_in_the_order_of_what_may_not_be_read(ruled: RuledHouse) -> None:
    """Though its author has it so: it would tell which is dearer."""
    narrowed(ruled)
    view = ruled.admin.site._find_view_by_key("books")
    options: Any = view.options  # type: ignore[attr-defined]
    before, options.ordering = options.ordering, ("price",)
    try:
        page = ruled.open("/books").text
    finally:
        options.ordering = before
    assert page.index("Title13") < page.index("Title14")


@pytest.mark.parametrize("query", ["is.price=9", "within=2026", "deleted=only", "nonesuch=1"])
def test_a_file_leaves_no_condition_out(ruled: RuledHouse, query: str) -> None:
    """A list may, and shows it; a file would hold more than was asked for."""
    narrowed(ruled)
    assert ruled.open(f"/books?{query}").status_code == 200
    refused = ruled.open(f"/books/export?{query}")
    assert refused.status_code == 400
    assert "means no records here" in refused.text


@pytest.mark.parametrize("field", ["price", "isbn", "weight", "editor_id"])
def test_a_form_made_by_hand_that_writes_what_it_may_not_is_refused(
    ruled: RuledHouse, field: str
) -> None:
    """Naming the field; nothing of it is kept."""
    book = next(each for each in narrowed(ruled) if changes(each))
    for path in (f"/books/edit?pk={book.id}", "/books/add"):
        refused = ruled.send(path, {"title": "New", "author_id": "1", field: "1"})
        assert refused.status_code == 403
        assert field in refused.text
    assert "New" not in {each.title for each in ruled.all(Book)}


def test_what_may_be_read_and_not_written_is_shown_in_the_form(ruled: RuledHouse) -> None:
    book = next(each for each in narrowed(ruled) if changes(each))
    page = ruled.open(f"/books/edit?pk={book.id}").text
    assert "Weight" in page
    assert "weight" not in fields_of(page)
    ruled.client.cookies.clear()
    narrowed_weigher(ruled)
    assert "weight" in fields_of(ruled.open(f"/books/edit?pk={book.id}").text)


def narrowed_weigher(house: RuledHouse) -> None:
    house.signed_in(
        "books:view", "books:change", "books:weigh", "authors:view", email="bob@example.com"
    )
