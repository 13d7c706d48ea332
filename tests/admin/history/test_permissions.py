"""Who sees what of the history, and who may undo: never more than at the record itself."""

import pytest
from fastapi import FastAPI
from sqlalchemy import ColumnElement
from sqlmodel import col

from backoffice.admin import Admin
from backoffice.auth import Auth, Principal
from tests.admin.conftest import BookAdmin, House
from tests.admin.history.changes import changes, rename, titles
from tests.admin.library import Author, Book, Copy, Tag
from tests.auth.conftest import AppWithAccounts


class RuledHouse(House):
    """An app whose books are seen by whose publisher's they are, and their prices by few."""

    def __init__(self) -> None:
        auth = Auth()
        AppWithAccounts.__init__(self, auth, FastAPI(), follow_redirects=False)

        @auth.policy(Book, "view", "change", "add", "delete")
        def by_ada(who: Principal, book: type[Book]) -> ColumnElement[bool] | bool:
            return True if who.can("books:export") else col(book.author_id) == 1

        auth.fields(Book, read={"price": "books:price", "title": "books:title"})
        self.admin = Admin(auth, models=[Author, BookAdmin, Tag, Copy])
        self.app.include_router(auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")


@pytest.fixture(scope="session")
def ruled() -> RuledHouse:
    return RuledHouse()


@pytest.fixture
def changed(settings: None, ruled: RuledHouse) -> House:  # type: ignore[misc]
    """Books of both authors were changed, and one of each deleted, by somebody who may."""
    with ruled:
        ruled.add(Author(name="Ada"), Author(name="Grace"))
        for number, author in enumerate((1, 2, 1, 2), start=1):
            ruled.add(Book(title=f"Old {number}", isbn=f"{number}", author_id=author))
        ruled.signed_in("books:*", "authors:view", email="chief@example.com")
        for number in (1, 2):
            rename(ruled, f"New {number}", key=number)
            assert ruled.send(f"/books/edit?pk={number}", {"price": "77.77"}).status_code == 303
        assert ruled.send("/books/action", {"name": "delete", "pks": ["3", "4"]}).status_code == 303
        ruled.client.cookies.clear()
        yield ruled


EDITOR = ("books:view", "books:change", "books:add", "books:delete")


def test_a_stranger_sees_nothing(changed: House) -> None:
    """Neither page, nor by which address there would be one."""
    for path in ("/history", "/books/history", "/books/history?pk=1", "/books/undo?change=1"):
        assert changed.open(path).status_code == 303
        assert changed.open(path, accept="application/json").status_code in (303, 401)


def test_who_may_not_see_a_page_sees_none_of_its_history(changed: House) -> None:
    """Nor by naming it."""
    changed.signed_in("authors:view", email="eve@example.com")
    assert changed.open("/books/history?pk=1").status_code == 403
    for query in ("", "?resource=books", "?q=1", "?actor="):
        assert titles(changed.open(f"/history{query}").text) == []
    assert "New 1" not in changed.open("/history?q=New").text


def test_who_may_see_no_page_has_no_history(changed: House) -> None:
    """And is told so."""
    changed.signed_in(email="eve@example.com")
    assert changed.open("/history").status_code == 403


def test_policies_hold_for_what_is_there_and_what_is_gone(changed: House) -> None:
    """A record that was deleted is judged as it was."""
    changed.signed_in(*EDITOR, "books:title", "books:price", email="eve@example.com")
    found = titles(changed.open("/books/history").text)
    assert found == [("Deleted", "Old 3"), ("Changed", "New 1"), ("Changed", "New 1")]
    assert changed.open("/books/history?pk=2").status_code == 404
    assert changed.open("/books/history?pk=4").status_code == 404
    assert titles(changed.open("/history?q=Old").text) == found[:1]


def test_fields_that_may_not_be_read_are_not_in_it(changed: House) -> None:
    """Nor in what a record was called, nor found by a search; a change of them alone is none."""
    changed.signed_in("books:view", "books:export", email="eve@example.com")
    page = changed.open("/books/history").text
    assert titles(page) == [("Deleted", "Book 4"), ("Deleted", "Book 3")]
    for hidden in ("77.77", "New", "Old", "Price", "Title"):
        assert hidden not in page, hidden
    assert titles(changed.open("/books/history?q=Old").text) == []


def test_secrets_are_in_no_page(changed: House) -> None:
    """A hash that was written is told of, and is not there."""
    changed.signed_in("authors:*", email="eve@example.com")
    changed.send("/authors/add", {"name": "Zoe"})
    page = changed.open("/history").text
    assert "a secret, which is not kept" in page
    assert "never-shown" not in page


def number_of(house: House, action: str, key: str) -> int:
    found = [each for each in changes(house, "books", action) if each.record_key == key]
    return found[0].number or 0


def test_undo_needs_the_permission_to_change_and_for_what_it_does(changed: House) -> None:
    """By hand as well; whoever lacks one sees no way to it."""
    rights = ("books:view", "books:export", "books:title", "books:price", "authors:view")
    changed.signed_in(*rights, email="reader@example.com")
    undos = [
        f"/books/undo?change={number_of(changed, *each)}"
        for each in (("change", "1"), ("delete", "3"), ("delete", "4"))
    ]
    assert "Undo</a>" not in changed.open("/books/history").text
    for path in undos:
        assert changed.open(path).status_code == changed.send(path, {}).status_code == 403
    changed.client.cookies.clear()
    changed.signed_in(*rights, "books:change", email="changer@example.com")
    assert changed.open(undos[0]).status_code == 200
    assert changed.send(undos[1], {}).status_code == 403
    assert {each.id for each in changed.all(Book)} == {1, 2}


def test_undo_needs_a_policy_that_lets_one_at_the_record(changed: House) -> None:
    """What one may not see there is not; what one may not write stays."""
    changed.signed_in(*EDITOR, "books:title", email="eve@example.com")
    hidden = f"/books/undo?change={number_of(changed, 'change', '2')}"
    assert changed.open(hidden).status_code == changed.send(hidden, {}).status_code == 404
    gone = f"/books/undo?change={number_of(changed, 'delete', '4')}"
    assert changed.send(gone, {}).status_code == 404
    whole = f"/books/undo?change={number_of(changed, 'delete', '3')}"
    answer = changed.send(whole, {})
    assert (answer.status_code, "not write all of its fields" in answer.text) == (409, True)
    assert {each.id for each in changed.all(Book)} == {1, 2}


def test_undo_takes_a_form_of_this_session(changed: House) -> None:
    """And a change of this very page."""
    changed.signed_in("*", email="eve@example.com", superuser=True)
    path = f"/books/undo?change={number_of(changed, 'change', '1')}"
    assert changed.send(path, {}, token="forged").status_code == 403
    assert changed.send(path.replace("books", "authors"), {}).status_code == 404
    for number in ("", "x", "0", "-1", "999999", "99999999999999999999"):
        assert changed.send(f"/books/undo?change={number}", {}).status_code == 404
