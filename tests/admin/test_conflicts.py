"""Two editors of one record: both are told, and nobody's work is overwritten."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest
from httpx2 import Response
from sqlmodel import col, update

from backoffice.admin.history.models import Change
from tests.admin.conftest import LIBRARIAN, ORIGIN, House, book, fields_of
from tests.admin.library import Author, Book, BookTag
from tests.auth.conftest import PASSWORD

EDIT = "/books/edit?pk=1"


def opened(house: House, path: str = EDIT) -> dict[str, Any]:
    """The form as a browser holds it, before somebody else changes the record."""
    return fields_of(house.open(path).text)


def row_of(page: str, label: str) -> str:
    """What the page says of one field that differs."""
    return page.split(f"<legend>{label}</legend>")[1].split("</fieldset>")[0]


def test_a_stale_form_writes_nothing_and_shows_what_differs(editor: House) -> None:
    """What was there, what is there now, what was typed; and all of it stays in the form."""
    form = opened(editor)
    assert editor.send(EDIT, {"title": "Theirs"}).status_code == 303
    before = book(editor).model_dump()
    answer = editor.send(EDIT, {**form, "title": "Mine", "summary": "also mine"})
    assert answer.status_code == 409
    row = row_of(answer.text, "Title")
    assert [text in row for text in ("Alpha", "Theirs", "Mine")] == [True] * 3
    assert 'name=".choose.title"' in row
    assert "also mine" in row_of(answer.text, "Summary")
    kept = fields_of(answer.text)
    assert (kept["title"], kept["summary"]) == ("Mine", "also mine")
    assert book(editor).model_dump() == before


@pytest.mark.parametrize(("choice", "title"), [("mine", "Mine"), ("theirs", "Theirs")])
def test_a_choice_decides_between_two_values(editor: House, choice: str, title: str) -> None:
    """And what only one of the two has changed is kept either way."""
    form = opened(editor)
    editor.send(EDIT, {"title": "Theirs", "isbn": "theirs"})
    stale = editor.send(EDIT, {**form, "title": "Mine", "summary": "mine"})
    again = {**fields_of(stale.text), ".choose.title": choice}
    assert editor.send(EDIT, again).status_code == 303
    found = book(editor)
    assert (found.title, found.isbn, found.summary) == (title, "theirs", "mine")


def test_saving_again_without_a_choice_is_no_choice(editor: House) -> None:
    """A second click does not overwrite anybody."""
    form = opened(editor)
    editor.send(EDIT, {"title": "Theirs"})
    stale = editor.send(EDIT, {**form, "title": "Mine"})
    kept = {**fields_of(stale.text), ".choose.title": ""}
    again = editor.send(EDIT, kept)
    assert again.status_code == 409
    assert fields_of(again.text)["title"] == "Mine"
    assert book(editor).title == "Theirs"


def test_changes_to_different_fields_merge_when_one_says_so(editor: House) -> None:
    """The first answer tells of them, saving again keeps both."""
    form = opened(editor)
    editor.send(EDIT, {"isbn": "theirs"})
    stale = editor.send(EDIT, {**form, "summary": "mine"})
    assert stale.status_code == 409
    assert "You did not change this" in row_of(stale.text, "ISBN")
    assert book(editor).summary == ""
    assert editor.send(EDIT, fields_of(stale.text)).status_code == 303
    assert (book(editor).isbn, book(editor).summary) == ("theirs", "mine")


def test_a_third_editor_is_told_of_as_well(editor: House) -> None:
    """The page of a conflict goes stale like any other."""
    form = opened(editor)
    editor.send(EDIT, {"title": "Second"})
    stale = editor.send(EDIT, {**form, "title": "First"})
    editor.send(EDIT, {"title": "Third"})
    again = editor.send(EDIT, {**fields_of(stale.text), ".choose.title": "mine"})
    assert again.status_code == 409
    assert "Third" in row_of(again.text, "Title")
    assert book(editor).title == "Third"


def test_two_who_agree_are_not_bothered(editor: House) -> None:
    form = opened(editor)
    editor.send(EDIT, {"title": "Same"})
    assert editor.send(EDIT, {**form, "title": "Same", "summary": "x"}).status_code == 303
    assert (book(editor).title, book(editor).summary) == ("Same", "x")


def test_relations_and_checkboxes_are_compared_too(editor: House) -> None:
    """A reference by name, a list of several, a box."""
    form = opened(editor)
    editor.send(EDIT, {"author_id": "2", "in_print.sent": "1", "tags.sent": "1", "tags": ["new"]})
    stale = editor.send(EDIT, {**form, "summary": "mine", "tags": ["old"]})
    assert stale.status_code == 409
    row = row_of(stale.text, "Author")
    assert "Ada" in row
    assert "Grace" in row
    assert "No" in row_of(stale.text, "In print")
    assert "new" in row_of(stale.text, "Tags")
    again = {**fields_of(stale.text), ".choose.tags": "mine"}
    assert editor.send(EDIT, again).status_code == 303
    found = book(editor)
    assert (found.author_id, found.in_print) == (2, False)
    assert [each.tag_name for each in editor.all(BookTag)] == ["old"]


def test_a_long_text_is_compared_whole(editor: House) -> None:
    """Also where it differs beyond what the form carries of it."""
    editor.send(EDIT, {"summary": "x" * 30_000})
    form = opened(editor)
    editor.send(EDIT, {"summary": "x" * 30_000 + "y"})
    stale = editor.send(EDIT, {**form, "title": "Mine"})
    assert stale.status_code == 409
    assert "a long text" in row_of(stale.text, "Summary")


def test_an_error_keeps_the_choice_that_was_made(editor: House) -> None:
    """A form that is refused for another reason is no conflict a second time."""
    form = opened(editor)
    editor.send(EDIT, {"title": "Theirs"})
    stale = editor.send(EDIT, {**form, "title": "Mine"})
    chosen = {**fields_of(stale.text), ".choose.title": "theirs", "price": "free"}
    wrong = editor.send(EDIT, chosen)
    assert wrong.status_code == 422
    kept = fields_of(wrong.text)
    assert (kept["title"], kept["price"]) == ("Theirs", "free")
    assert editor.send(EDIT, {**kept, "price": "1.00"}).status_code == 303
    assert book(editor).title == "Theirs"


@pytest.mark.parametrize("version", ["", "x", "AAAA" * 20, "é"])
def test_a_version_that_is_not_ours_overwrites_nothing(editor: House, version: str) -> None:
    """What differs from the record has to be chosen."""
    form = opened(editor)
    stale = editor.send(EDIT, {**form, ".version": version, "title": "Mine"})
    assert stale.status_code == 409
    assert book(editor).title == "Alpha"
    again = {**fields_of(stale.text), ".choose.title": "mine"}
    assert editor.send(EDIT, again).status_code == 303
    assert book(editor).title == "Mine"


def test_the_version_of_one_record_is_none_of_another(editor: House) -> None:
    other = opened(editor, "/books/edit?pk=2")[".version"]
    form = opened(editor)
    answer = editor.send(EDIT, {**form, ".version": other, "title": "Mine"})
    assert answer.status_code == 409


def test_a_record_that_is_gone_leaves_what_was_typed(editor: House) -> None:
    """And can be added again."""
    form = opened(editor)
    editor.send("/books/action", {"name": "delete", "pks": "1"})
    answer = editor.send(EDIT, {**form, "title": "Typed"})
    assert answer.status_code == 404
    kept = fields_of(answer.text)
    assert kept["title"] == "Typed"
    assert editor.send("/books/add", kept).status_code == 303
    assert "Typed" in [each.title for each in editor.all(Book)]


def test_a_record_that_is_gone_cannot_be_added_by_those_who_may_not_add(stocked: House) -> None:
    stocked.signed_in("books:view", "books:change", "authors:view", "tags:view")
    form = opened(stocked)
    stocked.call(_deleted(stocked, 1))
    answer = stocked.send(EDIT, {**form, "title": "Typed"})
    assert answer.status_code == 404
    assert fields_of(answer.text)["title"] == "Typed"
    assert "Add it again" not in answer.text


async def _deleted(house: House, key: int) -> None:
    async with house.services.database.session() as session:
        await session.delete(await session.get(Book, key))
        await session.commit()


def test_whoever_made_the_other_change_is_named(stocked: House) -> None:
    """As the history knows it, to those who may see accounts; and of what they may read."""
    bob = stocked.user("bob@example.com")
    stocked.signed_in(superuser=True)
    form = opened(stocked)
    stocked.send(EDIT, {"title": "Theirs"})
    stocked.add(_change(f"user:{bob.id}", {"title": ["Alpha", "Theirs"]}))
    stocked.add(_change(f"user:{bob.id}", {"password_hash": ["", ""]}))
    stale = stocked.send(EDIT, {**form, "title": "Mine"})
    assert "bob@example.com changed Title on" in stale.text
    assert "password_hash" not in stale.text


def test_people_are_not_named_to_those_who_may_not_see_accounts(editor: House) -> None:
    bob = editor.user("bob@example.com")
    form = opened(editor)
    editor.send(EDIT, {"title": "Theirs"})
    editor.add(_change(f"user:{bob.id}", {"title": ["Alpha", "Theirs"]}))
    stale = editor.send(EDIT, {**form, "title": "Mine"})
    assert "Somebody changed Title on" in stale.text
    assert "bob@example.com" not in stale.text


def _change(actor: str, changes: dict[str, Any]) -> Change:
    return Change(
        at=datetime.now(UTC),
        actor=actor,
        through="admin",
        action="change",
        resource="books",
        record_key="1",
        label="Alpha",
        changes=changes,
    )


def test_a_change_at_the_same_moment_is_waited_for(editor: House) -> None:
    """Between looking at the record and writing it nobody else writes."""
    form = opened(editor)

    async def meanwhile(pool: ThreadPoolExecutor) -> Future[Response]:
        async with editor.services.database.session() as session:
            async with session.begin_nested():
                await session.exec(update(Book).values(title="Theirs").where(col(Book.id) == 1))
            sent = pool.submit(editor.send, EDIT, {**form, "title": "Mine"}, form["csrf_token"])
            # However late the form comes: what is awaited here is only that it could be too early.
            await anyio.sleep(0.5)
            await session.commit()
        return sent

    with ThreadPoolExecutor(1) as pool:
        assert editor.call(meanwhile(pool)).result().status_code == 409
    assert book(editor).title == "Theirs"


def test_accounts_and_roles_are_kept_from_each_other_too(house: House) -> None:
    """Pages that have services of their own."""
    house.signed_in(superuser=True)
    assert house.send("/roles/add", {"name": "editor", "permissions": "books:view"}).is_redirect
    key = house.open("/roles").text.split("/roles/detail?pk=")[1].split('"')[0]
    path = f"/roles/edit?pk={key}"
    form = opened(house, path)
    assert house.send(path, {"permissions": "books:view\r\nbooks:change"}).is_redirect
    stale = house.send(path, {**form, "permissions": "books:view\r\nbooks:add"})
    assert stale.status_code == 409
    assert "books:change" in row_of(stale.text, "Permissions")
    assert house.send(path, {**fields_of(stale.text), ".choose.permissions": "theirs"}).is_redirect
    assert "books:change" in house.open(path).text
    assert "books:add" not in house.open(path).text


def test_what_differs_is_text(editor: House) -> None:
    """Whatever the other has written."""
    script = "<script>alert('x')</script>"
    form = opened(editor)
    editor.send(EDIT, {"title": script})
    stale = editor.send(EDIT, {**form, "title": f"{script}2"})
    assert stale.status_code == 409
    assert "<script>alert" not in stale.text


def test_the_version_of_somebody_else_is_none(editor: House) -> None:
    """It is signed for whoever opened the form."""
    form = opened(editor)
    editor.user("bob@example.com", "admin:enter", *LIBRARIAN)
    editor.client.cookies.clear()
    answer = editor.client.post(
        "/admin/login", data={"email": "bob@example.com", "password": PASSWORD}, headers=ORIGIN
    )
    assert answer.status_code == 303
    own = {name: value for name, value in form.items() if name != "csrf_token"}
    assert editor.send(EDIT, {**own, "title": "Mine"}).status_code == 409
    assert len(editor.all(Author)) == 2
