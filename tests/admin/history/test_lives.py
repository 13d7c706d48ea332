"""A key that is taken again: what the record was that had it before is told as of that one."""

from tests.admin.conftest import House
from tests.admin.history.changes import changes, rename, titles
from tests.admin.history.test_permissions import EDITOR, changed, ruled
from tests.admin.library import Book

__all__ = ["changed", "ruled"]


def test_who_may_see_a_record_does_not_see_whose_key_it_has(changed: House) -> None:
    """SQLite gives the key of the last one again, and keys that are typed are typed again."""
    changed.add(Book(id=4, title="Mine", isbn="m", author_id=1))
    changed.signed_in(*EDITOR, "books:title", "books:price", email="eve@example.com")
    assert titles(changed.open("/books/history?pk=4").text) == []
    rename(changed, "Still mine", key=4)
    assert titles(changed.open("/books/history?pk=4").text) == [("Changed", "Still mine")]
    (gone,) = [each for each in changes(changed, "books", "delete") if each.record_key == "4"]
    assert changed.open(f"/books/undo?change={gone.number}").status_code == 404
    assert "Old 4" not in changed.open("/history").text


def test_what_was_seen_of_a_record_that_is_gone_is_seen_still(changed: House) -> None:
    """Whoever has its key by now is another one."""
    changed.add(Book(id=3, title="Theirs", isbn="t", author_id=2))
    changed.signed_in(*EDITOR, "books:title", "books:price", email="eve@example.com")
    assert ("Deleted", "Old 3") in titles(changed.open("/books/history").text)
    assert "Theirs" not in changed.open("/books/history").text
