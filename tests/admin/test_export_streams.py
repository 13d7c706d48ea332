"""Exports while they are taken: what is in memory, and what becomes of them when a client goes."""

import logging
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from sqlalchemy import event, text

from backoffice.admin import exports
from backoffice.core.singletons import STATE
from tests.admin.conftest import House

Message = dict[str, Any]
ROWS = 20_000
LENGTH = 500


@pytest.fixture
def large(stocked: House) -> House:
    """With twenty thousand books of half a kilobyte, for somebody who may take them away."""

    async def filled() -> None:
        columns = "author_id, price, weight, pages, status, in_print, added_at"
        statement = text(
            f"INSERT INTO library_book (title, isbn, {columns}, summary)"
            f" SELECT 'Title', 'i' || (row_number() OVER (ORDER BY id) + :have), {columns},"
            " :summary"
            " FROM library_book ORDER BY id LIMIT :most"
        )
        async with stocked.services.database.session() as session:
            have = 3
            while have < ROWS:
                values = {"have": have, "summary": "s" * LENGTH, "most": ROWS - have}
                await (await session.connection()).execute(statement, values)
                have = min(have * 2, ROWS)
            await session.commit()

    stocked.call(filled())
    stocked.signed_in("books:view", "books:export")
    return stocked


class Client:
    """A client of one export, message by message."""

    def __init__(self, house: House, leaves_after: int | None = None) -> None:
        self._house = house
        self._leaves_after = leaves_after
        self._gone = anyio.Event()
        self.chunks = self.bytes = self.longest = 0
        self.ended = False

    async def receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            return
        self.chunks += 1
        self.bytes += len(message["body"])
        self.longest = max(self.longest, len(message["body"]))
        self.ended = self.ended or not message["more_body"]
        if self.chunks == self._leaves_after:
            self._gone.set()

    def take(self, send: Callable[[Message], Awaitable[None]] | None = None) -> None:
        """Ask for all books."""
        cookies = "; ".join(f"{each.name}={each.value}" for each in self._house.client.cookies.jar)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/admin/books/export",
            "raw_path": b"/admin/books/export",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"testserver"), (b"cookie", cookies.encode())],
            "client": ("203.0.113.9", 50000),
            "server": ("testserver", 80),
            "state": {STATE: self._house.running.run},
        }
        # Any: the app's own types of ASGI are those of Starlette.
        app: Any = self._house.app
        self._house.call(app(scope, self.receive, send or self.send))


def test_an_export_is_never_in_memory_as_a_whole(large: House) -> None:
    """Ten megabytes pass through a tenth of that."""
    Client(large).take()
    client = Client(large)
    tracemalloc.start()
    try:
        client.take()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert client.ended
    assert client.bytes > ROWS * LENGTH
    assert peak < client.bytes / 4
    assert client.longest < client.bytes / 20


def test_an_export_asks_the_database_once(large: House) -> None:
    """For its rows, however many there are; and nothing holds a connection afterwards."""
    asked: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    engine = large.services.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    Client(large).take()
    event.remove(engine, "before_cursor_execute", note)
    assert len([each for each in asked if "FROM library_book" in each]) == 1
    pool: Any = engine.pool
    ends = time.monotonic() + 30
    while pool.checkedout():  # by what looks for mails and jobs, a moment at a time
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_an_export_ends_when_its_client_goes(large: House) -> None:
    """Soon: no more than some batches are read for nobody."""
    client = Client(large, leaves_after=5)
    client.take()
    assert not client.ended
    assert 5 <= client.chunks < 10
    again = Client(large)
    again.take()
    assert again.ended


def test_an_export_that_nobody_takes_ends(
    large: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that is sent something and leaves it there holds a connection of the database."""
    monkeypatch.setattr(exports, "STALLED", 0.2)
    client = Client(large)

    async def never(message: Message) -> None:
        await client.send(message)
        if client.chunks == 3:
            await anyio.sleep_forever()

    with caplog.at_level(logging.WARNING):
        client.take(never)
    assert not client.ended
    assert "an export of books was left where it was" in caplog.text
    assert large.open("/").status_code == 200
