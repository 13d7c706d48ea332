"""The pages of the history: of everything, of a page, of a record, of a person."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event

from backoffice.admin.history import Change, entries
from tests.admin.conftest import House
from tests.admin.history.changes import changes, rename, titles
from tests.admin.library import Book

SCRIPT = "<script>alert('x')</script>"


def link(page: str, rel: str) -> str:
    found = re.search(rf'href="(\?[^"]*)" rel="{rel}"', page)
    assert found is not None
    return found[1].replace("&amp;", "&")


def test_a_record_has_a_page_of_its_changes(editor: House) -> None:
    """The newest first; that of another record is not among them."""
    rename(editor, "One", "Two")
    rename(editor, "Else", key=2)
    assert "/books/history?pk=1" in editor.open("/books/detail?pk=1").text
    page = editor.open("/books/history?pk=1").text
    assert [each[1] for each in titles(page)] == ["Two", "One"]
    assert "<del>One</del>" in page
    assert "<ins>Two</ins>" in page


def test_a_record_that_is_gone_has_its_page_still(editor: House) -> None:
    """One that there never was has none."""
    editor.send("/books/action", {"name": "delete", "pks": "2"})
    assert titles(editor.open("/books/history?pk=2").text) == [("Deleted", "Beta")]
    assert editor.open("/books/history?pk=99").status_code == 404
    assert editor.open("/books/history?pk=x").status_code == 404


def test_a_person_has_a_page_of_what_they_did(stocked: House) -> None:
    """On all pages, and by whichever way."""
    stocked.signed_in("books:*", email="bob@example.com")
    rename(stocked, "By Bob")
    ann = stocked.signed_in("books:*", "users:view", email="ann@example.com")
    rename(stocked, "By Ann", key=2)
    user = stocked.open(f"/users/detail?pk={ann.id}").text
    assert f"/history?actor=user%3A{ann.id}" in user
    page = stocked.open(f"/history?actor=user:{ann.id}&resource=books").text
    assert titles(page) == [("Changed", "By Ann")]
    assert "Changes by ann@example.com" in page


def test_one_page_has_all_that_may_be_seen_and_is_searched(editor: House) -> None:
    """By what a record is called, its key, what was done, and when."""
    rename(editor, "One hundred")
    editor.send("/tags/add", {"name": "100%_sure"})
    editor.send("/books/action", {"name": "delete", "pks": "2"})
    everything = [("Deleted", "Beta"), ("Added", "100%_sure"), ("Changed", "One hundred")]
    assert titles(editor.open("/history").text) == everything
    for query, wanted in {
        "q=hundred+ONE": everything[2:],
        "q=0%25_s": everything[1:2],
        "q=2": everything[:1],
        "q=nothing": [],
        "resource=tags": everything[1:2],
        "action=delete": everything[:1],
        "way=api": [],
        "way=admin": everything,
        "since=2020-01-01&until=9999-12-31": everything,
        "since=9999-12-31": [],
        "until=2020-01-01": [],
    }.items():
        assert titles(editor.open(f"/history?{query}").text) == wanted, query


def test_what_an_address_says_wrongly_it_does_not_say(editor: House) -> None:
    """No error, and never one of the server."""
    rename(editor, "One")
    for query in (
        "after=x",
        "before=-1",
        "after=99999999999999999999999",
        "after=9223372036854775807",
        "since=today&until=2026-99-99",
        "action=drop&way=none",
        "after=%C2%B2",
        "q=" + "x+" * 500,
    ):
        assert editor.open(f"/history?{query}").status_code == 200, query
    for query in ("q=%00", "pk=%00", "resource=users", "actor=%00%27"):
        assert editor.open(f"/books/history?{query}").status_code < 500, query


def renamed(name: str) -> Change:
    """A change as it would have been written."""
    return Change(
        at=datetime.now(UTC),
        actor="user:1",
        through="api",
        action="change",
        resource="books",
        record_key="1",
        label=name,
        changes={"title": ["before", name]},
    )


def test_pages_follow_each_other_in_both_directions(editor: House) -> None:
    """Each change once, whichever way one goes."""
    names = [f"Name {number:02}" for number in range(60)]
    editor.add(*(renamed(each) for each in names))
    newest = names[::-1]
    page = editor.open("/books/history?pk=1").text
    seen, forth = [each[1] for each in titles(page)], [page]
    while 'rel="next"' in page:
        page = editor.open(f"/books/history{link(page, 'next')}").text
        seen += [each[1] for each in titles(page)]
        forth.append(page)
    assert seen == newest
    back = []
    while 'rel="prev"' in page:
        page = editor.open(f"/books/history{link(page, 'prev')}").text
        back.append(page)
    assert [titles(each) for each in back] == [titles(each) for each in forth[-2::-1]]


def test_a_search_goes_on_where_it_has_looked_for_long(
    editor: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No page looks through all of a long history, and none is left out."""
    monkeypatch.setattr(entries, "_SEARCHED", 3)
    editor.add(*(renamed(f"Needle {each}" if each % 20 == 7 else "Hay") for each in range(60)))
    page = editor.open("/history?q=needle").text
    seen = [each[1] for each in titles(page)]
    assert len(seen) < 3
    while 'rel="next"' in page:
        page = editor.open(f"/history{link(page, 'next')}").text
        seen += [each[1] for each in titles(page)]
    assert seen == ["Needle 47", "Needle 27", "Needle 7"]
    back: list[str] = []
    while 'rel="prev"' in page:
        page = editor.open(f"/history{link(page, 'prev')}").text
        back = [each[1] for each in titles(page)] + back
    assert back == seen


def test_the_number_of_statements_does_not_grow_with_the_changes(editor: House) -> None:
    """Also where they refer to other records."""

    def count() -> int:
        statements: list[str] = []

        def noted(*arguments: Any) -> None:
            # Not what is written beside, of outbox and last uses.
            if (
                str(arguments[2]).startswith("SELECT") and "library_" in arguments[2]
            ) or "FROM backoffice_history" in arguments[2]:
                statements.append(arguments[2])

        engine = editor.services.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", noted)
        try:
            assert editor.open("/history").status_code == 200
        finally:
            event.remove(engine, "before_cursor_execute", noted)
        return len(statements)

    def refer(author: int) -> None:
        form = {"author_id": str(author), "tags": ["new"][: author - 1], "tags.sent": "1"}
        assert editor.send("/books/edit?pk=1", form).status_code == 303

    refer(2)
    refer(1)
    few = count()
    for number in range(10):
        refer(1 + number % 2)
    assert len(titles(editor.open("/history").text)) == 11
    assert count() == few == 4


def test_hostile_text_is_text(editor: House) -> None:
    """Old, new, and in what the record was called."""
    editor.add(Book(id=9, title=SCRIPT, isbn=SCRIPT[:20], author_id=1))
    rename(editor, f"{SCRIPT}!", "Harmless", key=9)
    number = changes(editor, "books")[0].number
    for path in ("/history", "/books/history?pk=9", f"/books/undo?change={number}"):
        page = editor.open(path).text
        assert "&lt;script&gt;alert" in page, path
        assert "<script>alert" not in page, path
    assert "<script>alert" not in editor.open(f"/history?q={SCRIPT}&actor={SCRIPT}").text


def test_nothing_else_is_done_by_looking(editor: House) -> None:
    """Another verb is none of these pages."""
    token = editor.token()
    for path in ("/history", "/books/history?pk=1"):
        assert editor.send(path, {}, token).status_code == 405
