"""Pages of records of the app's own models: shown, deleted, and with keys of any kind."""

from tests.admin.conftest import House, titles
from tests.admin.library import Author, Book, Copy, Tag


def test_a_record_shows_everything_and_what_refers_to_it(editor: House) -> None:
    """With the way to the records that do."""
    assert "Gamma 100%" in editor.open("/books/detail?pk=3").text
    page = editor.open("/authors/detail?pk=1").text
    assert "Books by Author" in page
    link = page.split('class="whole" href="')[1].split('"')[0]
    listed = editor.client.get(link.replace("&#34;", '"').replace("&amp;", "&")).text
    assert titles(listed) == ["Alpha", "Gamma"]


def test_hostile_text_is_text(editor: House) -> None:
    """In lists, records, forms, choices, deletions."""
    script = "<script>alert('x')</script>"
    editor.add(Author(id=9, name=script), Book(id=9, title=script, isbn=script[:20], author_id=9))
    editor.add(Tag(name=script))
    for path in (
        "/books",
        "/authors",
        "/books/detail?pk=9",
        "/books/edit?pk=9",
        "/authors/detail?pk=9",
        "/books/action?name=delete&pks=9",
        "/tags",
        f"/books?q={script}",
        f"/books?filter=title__eq=%22{script}%22",
    ):
        answer = editor.open(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path


def test_a_record_with_a_composite_key_can_be_shown_changed_and_deleted(editor: House) -> None:
    """Its key stands in one parameter."""
    editor.add(Copy(book_id=1, number=2, shelf="A"))
    assert "A" in editor.open("/copies/detail?pk=1,2").text
    assert editor.send("/copies/edit?pk=1,2", {"shelf": "B"}).status_code == 303
    found = editor.get(Copy, (1, 2))
    assert found is not None
    assert found.shelf == "B"
    assert editor.send("/copies/action", {"name": "delete", "pks": "1,2"}).status_code == 303
    assert editor.all(Copy) == []


def test_deleting_asks_first_and_names_what_goes(editor: House) -> None:
    """By a page of its own, so that it works without scripts."""
    page = editor.open("/books/action?name=delete&pks=1&pks=2").text
    assert "Delete 2 books?" in page
    assert "Alpha" in page
    assert len(editor.all(Book)) == 3
    answer = editor.send("/books/action", {"name": "delete", "pks": ["1", "2"]})
    assert answer.status_code == 303
    assert [each.title for each in editor.all(Book)] == ["Gamma 100%"]


def test_what_is_referred_to_is_not_deleted(editor: House) -> None:
    """The page says so beforehand; none of the chosen goes."""
    editor.add(Author(id=3, name="Unread"))
    assert "Books by Author" in editor.open("/authors/action?name=delete&pks=1").text
    answer = editor.send("/authors/action", {"name": "delete", "pks": ["1", "3"]})
    assert answer.status_code == 409
    assert "other records refer" in answer.text
    assert len(editor.all(Author)) == 3
