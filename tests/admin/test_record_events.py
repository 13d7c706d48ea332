"""Each change of a record is an event in the transaction of the change."""

from collections.abc import Iterator

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.admin import RecordCreated, RecordDeleted, RecordEvent
from backoffice.core import InvalidInput
from tests.admin.conftest import LIBRARIAN, House
from tests.admin.library import Tag


def test_each_change_is_an_event_in_its_own_transaction(editor: House) -> None:
    """Who, what, which fields, from where; in the audit log."""
    told = len(editor.events())
    editor.send("/books/add", {"title": "Delta", "isbn": "d", "author_id": "1"})
    editor.send("/books/edit?pk=1", {"title": "Alpha!", "weight": "2"})
    editor.send("/books/action", {"name": "delete", "pks": "2"})
    added, changed, deleted = editor.events()[told:]
    assert (added.event, added.subject) == ("admin.record_created", "book:4")
    assert (changed.event, changed.subject) == ("admin.record_changed", "book:1")
    assert changed.data["fields"] == ["title", "weight"]
    assert (deleted.event, deleted.subject) == ("admin.record_deleted", "book:2")
    assert {each.address for each in (added, changed, deleted)} == {"testclient"}
    assert {each.actor.partition(":")[0] for each in (added, changed, deleted)} == {"user"}


def test_a_refused_change_leaves_no_event(editor: House) -> None:
    """The entry is of the transaction that did not come to be."""
    told = len(editor.events())
    assert editor.send("/books/edit?pk=1", {"isbn": "b"}).status_code == 422
    assert editor.send("/authors/action", {"name": "delete", "pks": "1"}).status_code == 409
    assert len(editor.events()) == told


@pytest.fixture
def listening(settings: None) -> Iterator[House]:
    """An app of its own, to add listeners to; with somebody signed in."""
    with House() as house:
        house.add(Tag(name="old"))
        house.signed_in(*LIBRARIAN)
        yield house


def test_a_listener_may_refuse_a_change(listening: House) -> None:
    """What it says stands above the form; nothing is kept, neither record nor event."""

    @listening.auth.within(RecordCreated)
    async def refuse(_: RecordCreated, __: AsyncSession) -> None:
        raise InvalidInput("The shop is closed.")

    told = len(listening.events())
    answer = listening.send("/tags/add", {"name": "new"})
    assert answer.status_code == 422
    assert "The shop is closed." in answer.text
    assert [each.name for each in listening.all(Tag)] == ["old"]
    assert len(listening.events()) == told


def test_listeners_hear_of_records(listening: House) -> None:
    """By class: those of records, and nothing else."""
    heard: list[str] = []

    async def hear(event: RecordEvent, _: AsyncSession) -> None:
        heard.append(event.name)

    for kind in (RecordCreated, RecordDeleted):
        listening.auth.within(kind)(hear)
    listening.send("/tags/add", {"name": "new"})
    listening.send("/authors/add", {"name": "Ada"})
    listening.send("/authors/edit?pk=1", {"name": "Grace"})
    listening.send("/tags/action", {"name": "delete", "pks": "old"})
    assert heard == ["admin.record_created"] * 2 + ["admin.record_deleted"]
