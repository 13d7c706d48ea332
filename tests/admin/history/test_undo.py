"""Undoing a change: back to exactly what it was, or not at all; and it is history itself."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from backoffice.auth import ApiKey, Role, User
from tests.admin.conftest import House, book
from tests.admin.history.changes import changes, last
from tests.admin.library import Author, Book, BookTag, Copy, Tag


def undo(house: House, number: int | None, code: int = 303) -> str:
    answer = house.send(f"/books/undo?change={number}", {})
    assert answer.status_code == code, answer.text
    return answer.text


def edit(house: House, **form: Any) -> int | None:
    """The number of a change that this makes of the first book."""
    assert house.send("/books/edit?pk=1", form).status_code == 303
    return last(house, "books").number


def test_it_asks_first_and_shows_what_it_would_do(editor: House) -> None:
    """Looking changes nothing."""
    number = edit(editor, title="Omega", price="12.5")
    page = editor.open(f"/books/undo?change={number}").text
    assert "<del>Omega</del>" in page
    assert "<ins>Alpha</ins>" in page
    assert book(editor).title == "Omega"


def test_every_field_is_exactly_what_it_was(editor: House) -> None:
    """To the microsecond and the cent, as the database has it."""
    editor.send("/books/edit?pk=1", {"tags": ["old"], "tags.sent": "1", "published": "2001-02-03"})
    before = book(editor).model_dump()
    number = edit(
        editor,
        **{
            "title": "Omega",
            "price": "1",
            "weight": "2.5",
            "status": "is out",
            "in_print.sent": "1",
            "published": "",
            "added_at": "2020-01-01T00:00:00",
            "summary": "long",
            "extra": '{"a": [1]}',
            "author_id": "2",
            "tags": ["new"],
            "tags.sent": "1",
        },
    )
    assert book(editor).model_dump() != before
    assert len(last(editor, "books").changes) == 11
    undo(editor, number)
    assert book(editor).model_dump() == before
    assert [each.tag_name for each in editor.all(BookTag)] == ["old"]


def test_it_is_history_and_can_be_undone(editor: House) -> None:
    """It names the change that it took back, whose page says so."""
    number = edit(editor, title="Omega")
    undo(editor, number)
    taken_back = last(editor, "books")
    assert (taken_back.undoes, taken_back.changes) == (number, {"title": ["Omega", "Alpha"]})
    page = editor.open("/books/history?pk=1").text
    assert "This was undone." in page
    assert "This took another change back." in page
    undo(editor, taken_back.number)
    assert book(editor).title == "Omega"


def test_what_was_changed_since_stays(editor: House) -> None:
    """The rest goes back; where nothing is left, nothing is done."""
    number = edit(editor, title="Omega", weight="7")
    again = edit(editor, title="Psi")
    page = editor.open(f"/books/undo?change={number}").text
    assert "Title was changed again since." in page
    undo(editor, number)
    assert (book(editor).title, book(editor).weight) == ("Psi", 1.25)
    count = len(changes(editor))
    assert "nothing left to undo" in undo(editor, number, 409)
    assert len(changes(editor)) == count
    undo(editor, again)
    assert book(editor).title == "Omega"


def test_a_constraint_that_stands_in_its_way_is_said_in_words(editor: House) -> None:
    """Somebody else has the number by now; nothing is half done."""
    number = edit(editor, isbn="z", title="Omega")
    editor.add(Book(title="Thief", isbn="a", author_id=1))
    assert "Isbn" in undo(editor, number, 409) or "ISBN" in undo(editor, number, 409)
    assert (book(editor).isbn, book(editor).title) == ("z", "Omega")


def test_what_is_referred_to_has_to_be_there(editor: House) -> None:
    """An author or a tag may have gone meanwhile."""
    editor.add(Author(id=9, name="Brief"))
    edit(editor, editor_id="9")
    number = edit(editor, editor_id="1")
    assert editor.send("/authors/action", {"name": "delete", "pks": "9"}).status_code == 303
    assert "no such author" in undo(editor, number, 409)
    edit(editor, **{"tags": ["new"], "tags.sent": "1"})
    number = edit(editor, **{"tags": [], "tags.sent": "1"})
    assert editor.send("/tags/action", {"name": "delete", "pks": "new"}).status_code == 303
    assert "no such tag" in undo(editor, number, 409)


def test_a_record_that_was_deleted_comes_back_whole(editor: House) -> None:
    """Under its key, with what it referred to."""
    edit(editor, **{"tags": ["new", "old"], "tags.sent": "1", "extra": '{"a": []}'})
    before = book(editor).model_dump()
    editor.send("/books/action", {"name": "delete", "pks": "1"})
    number = last(editor, "books").number
    undo(editor, number)
    assert book(editor).model_dump() == before
    assert sorted(each.tag_name for each in editor.all(BookTag)) == ["new", "old"]
    assert last(editor, "books").undoes == number
    assert "There is such a record again." in undo(editor, number, 409)


def test_a_record_of_two_keys_comes_back(editor: House) -> None:
    """Its key is one text in the history."""
    editor.add(Copy(book_id=1, number=2, shelf="A"))
    editor.send("/copies/action", {"name": "delete", "pks": "1,2"})
    number = last(editor, "copies").number
    assert editor.send(f"/copies/undo?change={number}", {}).status_code == 303
    assert [each.shelf for each in editor.all(Copy)] == ["A"]


def test_a_secret_does_not_come_back(editor: House) -> None:
    """It is as in a new record, and the page says so before."""
    editor.add(Author(id=9, name="Eve", password_hash="hunter2", secret_note="mine"))
    editor.send("/authors/action", {"name": "delete", "pks": "9"})
    number = last(editor, "authors").number
    assert "it is a secret" in editor.open(f"/authors/undo?change={number}").text
    assert editor.send(f"/authors/undo?change={number}", {}).status_code == 303
    found = editor.get(Author, 9)
    assert found is not None
    assert (found.name, found.password_hash, found.secret_note) == ("Eve", "never-shown", None)


def test_a_record_that_was_added_goes_again_unless_it_was_changed(editor: House) -> None:
    """What somebody made of it since is not lost."""
    editor.send("/tags/add", {"name": "brief"})
    number = last(editor, "tags").number
    assert editor.send(f"/tags/undo?change={number}", {}).status_code == 303
    assert editor.get(Tag, "brief") is None
    editor.send("/books/add", {"title": "New", "isbn": "n", "author_id": "2", "price": "1"})
    number = last(editor, "books").number
    editor.send("/books/edit?pk=4", {"price": "2"})
    assert "It was changed since: Price." in undo(editor, number, 409)
    assert book(editor, 4).price == Decimal(2)


def test_a_record_that_is_gone_has_nothing_to_undo(editor: House) -> None:
    """But to come back first."""
    number = edit(editor, title="Omega")
    editor.send("/books/action", {"name": "delete", "pks": "1"})
    assert "The record is gone." in undo(editor, number, 409)


def test_of_several_who_undo_at_once_one_does(editor: House) -> None:
    """The others find it done."""
    number = edit(editor, title="Omega")
    form = {"csrf_token": editor.token()}
    path, head = f"/admin/books/undo?change={number}", {"Origin": "http://testserver"}

    async def together() -> list[int]:
        posts = (
            asyncio.to_thread(editor.client.post, path, data=form, headers=head) for _ in range(4)
        )
        return [each.status_code for each in await asyncio.gather(*posts)]

    codes = asyncio.run(together())
    assert sorted(codes) == [303, 409, 409, 409]
    assert [each.undoes for each in changes(editor, "books")] == [None, number]


class TestAccounts:
    @pytest.fixture
    def root(self, house: House) -> House:
        house.signed_in(superuser=True, email="root@example.com")
        house.call(house.services.roles.create("editor", ["books:*"], actor="test"))
        house.user("eve@example.com")
        return house

    def eve(self, house: House) -> User:
        return next(each for each in house.all(User) if "eve" in each.email)

    def test_a_user_is_what_they_were(self, root: House) -> None:
        """By the services, with their own events."""
        eve = self.eve(root)
        path = f"/users/edit?pk={eve.id}"
        form = {"email": "eve2@example.com", "roles": ["editor"], "roles.sent": "1"}
        assert root.send(path, form).status_code == 303
        number = last(root, "users").number
        assert root.send(f"/users/undo?change={number}", {}).status_code == 303
        assert self.eve(root).email == "eve@example.com"
        assert root.call(root.services.roles.of_user(eve.id)) == []
        assert last(root, "users").undoes == number
        assert "auth.role_revoked" in [each.event for each in root.events()]

    def test_a_role_is_what_it_was(self, root: House) -> None:
        """With what it allows."""
        [role] = [each for each in root.all(Role) if each.name == "editor"]
        path, form = f"/roles/edit?pk={role.id}", {"name": "writer", "permissions": "tags:*"}
        assert root.send(path, form).status_code == 303
        number = last(root, "roles").number
        assert root.send(f"/roles/undo?change={number}", {}).status_code == 303
        assert root.call(root.services.roles.permissions_of(role.id)) == ["books:*"]

    def test_what_cannot_come_back_does_not(self, root: House) -> None:
        """Deleted accounts, revoked keys, ended sessions."""
        eve = self.eve(root)
        key, _ = root.call(root.services.keys.create(eve, "mine", actor="test"))
        root.call(root.services.keys.revoke(key.id, actor="test"))
        number = last(root, "api-keys").number
        assert root.send(f"/api-keys/undo?change={number}", {}).status_code == 403
        [found] = root.all(ApiKey)
        assert found.revoked_at is not None
        root.call(root.services.users.delete(eve.id, actor="test"))
        gone = changes(root, "users", "delete")[-1].number
        answer = root.send(f"/users/undo?change={gone}", {})
        assert (answer.status_code, "do not come back" in answer.text) == (409, True)
