"""Undoing sets no reference that a form would not set."""

from tests.admin.conftest import House, book
from tests.admin.history.changes import last


def test_a_reference_to_what_may_not_be_seen_stays(editor: House) -> None:
    """Who may see no authors can set none, by a form or otherwise."""
    answer = editor.send("/books/edit?pk=1", {"author_id": "2", "title": "Omega"})
    assert answer.status_code == 303
    number = last(editor, "books").number
    editor.client.cookies.clear()
    editor.signed_in("books:*", email="eve@example.com")
    page = editor.open(f"/books/undo?change={number}").text
    assert "Author cannot be written here." in page
    assert editor.send(f"/books/undo?change={number}", {}).status_code == 303
    assert (book(editor).title, book(editor).author_id) == ("Alpha", 2)


def test_a_record_with_such_a_reference_does_not_come_back(editor: House) -> None:
    """They could not have added it either."""
    sent = editor.send("/books/action", {"name": "delete", "pks": "1"})
    assert sent.status_code == 303
    number = last(editor, "books").number
    editor.client.cookies.clear()
    editor.signed_in("books:*", email="eve@example.com")
    answer = editor.send(f"/books/undo?change={number}", {})
    assert (answer.status_code, "not write all of its fields" in answer.text) == (409, True)
