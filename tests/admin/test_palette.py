"""The palette: what may be opened, found by what is typed; nothing that may not be seen."""

import re
from html import unescape

import pytest

from tests.admin.conftest import House
from tests.admin.library import Author, Book, Copy


def hits(house: House, text: str) -> list[str]:
    """The labels of what is found."""
    page = house.client.get("/admin/search", params={"q": text}, headers=FRAGMENT)
    assert page.status_code == 200
    assert "<html" not in page.text
    return [unescape(each) for each in re.findall(r"<span>(.*?)</span></a>", page.text)]


FRAGMENT = {"X-Requested-With": "fragment"}


def test_records_pages_and_deeds_are_found_in_one_go(editor: House) -> None:
    """Records of every page, by what their lists search; pages and deeds by every word."""
    assert hits(editor, "gam") == ["Gamma 100%"]
    assert hits(editor, "ad") == ["Add author", "Add book", "Add tag", "Add copy", "Ada"]
    assert hits(editor, "import boo") == ["Import books"]
    assert hits(editor, "histo") == ["History"]
    assert "Books" in hits(editor, "")
    assert hits(editor, "nothing of this kind") == []
    assert 'href="/admin/books/detail?pk=3"' in editor.open("/search?q=gam").text


def test_a_record_is_found_by_its_key_and_what_begins_so_comes_first(editor: House) -> None:
    editor.add(
        Copy(book_id=1, number=1, shelf="Beta wing"),
        Book(title="On beta", isbn="x", author_id=1),
    )
    assert "Beta" in hits(editor, "2")
    assert hits(editor, "beta")[:2] == ["Beta", "On beta"]
    assert hits(editor, "new") == ["new"]


def test_of_many_the_newest_are_shown_and_the_list_has_the_rest(editor: House) -> None:
    editor.add(*(Author(id=100 + number, name=f"Smith {number}") for number in range(9)))
    newest = [f"Smith {number}" for number in (8, 7, 6, 5, 4)]
    assert hits(editor, "smith") == [*newest, "All authors that match “smith”"]
    assert 'href="/admin/authors?q=smith"' in editor.open("/search?q=smith").text


def test_what_an_index_finds_is_found_however_old_it_is(
    editor: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what none finds, among the newest: no list is looked through as a whole."""
    monkeypatch.setattr("backoffice.admin.palette._NEWEST", 2)
    assert hits(editor, "alph") == []
    assert hits(editor, "gamm") == ["Gamma 100%"]
    assert "Alpha" in hits(editor, "a")  # the whole of its ISBN, which is unique
    assert "Alpha" in hits(editor, "1")  # its key


def test_it_is_a_page_too(editor: House) -> None:
    """For those without scripts; what was typed stands in it as text."""
    page = editor.open("/search?q=%3Cb%3Ealpha").text
    assert 'value="&lt;b&gt;alpha"' in page
    assert "Nothing that you may see is called “&lt;b&gt;alpha”" in page
    assert 'data-palette="/admin/search"' in page


def test_odd_texts_find_nothing_and_break_nothing(editor: House) -> None:
    for text in (
        "%",
        "_",
        "/",
        '"',
        "'",
        "\\",
        "x" * 5000,
        " ".join("x" * 900),
        "\ud7ff",
        "٣",
        "3000000000",
    ):
        answer = editor.client.get("/admin/search", params={"q": text}, headers=FRAGMENT)
        assert answer.status_code == 200, text
        assert "Traceback" not in answer.text
    assert editor.open("/search?q=a%00b").status_code == 400


def test_nobody_finds_what_they_may_not_open(stocked: House) -> None:
    """Neither its records, nor its page, nor what could be done there."""
    stocked.signed_in("books:view", "tags:view", "tags:add")
    assert hits(stocked, "ada") == []
    assert hits(stocked, "author") == []
    assert hits(stocked, "add") == ["Add tag"]
    assert hits(stocked, "import") == []
    assert hits(stocked, "ann@example.com") == []
    stocked.client.cookies.clear()
    assert stocked.client.get("/admin/search?q=alpha", headers=FRAGMENT).status_code == 401
    assert stocked.open("/search?q=alpha").status_code == 303
