"""Exports: the records of a list as a file, written while it is read.

One cursor of the database gives the rows in the order of the list, as they were when it was
opened; some hundred of them are in memory at once, however many there are.
"""

import asyncio
import csv
import io
import json
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Any, Protocol

import anyio
from sqlalchemy.sql import Select
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette_admin.export.helpers import escape_formula
from starlette_admin.fields import BaseField

from backoffice.admin.columns import column_of
from backoffice.admin.reading import ReadableView
from backoffice.admin.records import RecordView
from backoffice.admin.values import exported
from backoffice.admin.visits import visit_of
from backoffice.core import singleton

log = logging.getLogger(__name__)

#: Rows that are in memory at once, and for whose time nothing else is answered.
BATCH = 250
#: How long a client may leave what it is sent where it is, while a connection waits for it.
STALLED = 60.0
#: Exports at once in one process: each has a connection of the database to itself.
MOST_AT_ONCE = 4
_UNCHANGED = frozenset({str, int, float, bool, type(None)})

Values = Sequence[Any]


class Format(Protocol):
    """A kind of file that is written row by row."""

    media_type: str

    def head(self, labels: Sequence[str]) -> bytes:
        """What comes before the first row."""

    def rows(self, several: Sequence[Values]) -> bytes:
        """Some rows."""

    def tail(self) -> bytes:
        """What comes after the last."""


class CommaSeparated:
    """CSV; a text that a spreadsheet would run as a formula has a quote before it."""

    media_type = "text/csv"

    def head(self, labels: Sequence[str]) -> bytes:
        """The names of the columns."""
        return self.rows([labels])

    def rows(self, several: Sequence[Values]) -> bytes:
        """A line for each."""
        text = io.StringIO()
        csv.writer(text).writerows([_guarded(each) for each in row] for row in several)
        return _encoded(text.getvalue())

    def tail(self) -> bytes:
        """Nothing."""
        return b""


class JsonArray:
    """One array of objects, each in a line; whoever has not got the `]` has not got all of it."""

    media_type = "application/json"

    def __init__(self) -> None:
        self._labels: Sequence[str] = ()
        self._before = ""
        self._encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str).encode

    def head(self, labels: Sequence[str]) -> bytes:
        """The bracket."""
        self._labels = labels
        return b"["

    def rows(self, several: Sequence[Values]) -> bytes:
        """An object for each."""
        lines = []
        for each in several:
            lines.append(f"{self._before}\n{self._object(each)}")
            self._before = ","
        return _encoded("".join(lines))

    def tail(self) -> bytes:
        """The other bracket."""
        return b"\n]\n" if self._before else b"]\n"

    def _object(self, row: Values) -> str:
        try:
            return self._encode(dict(zip(self._labels, row, strict=True)))
        except ValueError:  # JSON has no name for infinity
            finite = [str(each) if isinstance(each, float) else each for each in row]
            return self._encode(dict(zip(self._labels, finite, strict=True)))


#: Name in the address to what writes it.
FORMATS: dict[str, Callable[[], Format]] = {"csv": CommaSeparated, "json": JsonArray}


class Exports:
    """The exports of one process that are being taken."""

    def __init__(self) -> None:
        self._places = anyio.CapacityLimiter(MOST_AT_ONCE)

    def place(self) -> object:
        """Take a place, to be given back; HTTPException if there is none."""
        holder = object()
        try:
            self._places.acquire_on_behalf_of_nowait(holder)
        except anyio.WouldBlock:
            text = "Others are taking exports; try again in a minute."
            raise HTTPException(503, text, {"Retry-After": "60"}) from None
        return holder

    def give_back(self, holder: object) -> None:
        """Leave the place to somebody else."""
        self._places.release_on_behalf_of(holder)


@singleton
async def exports() -> Exports:
    """The exports of this run."""
    return Exports()


class Download(Response):
    """The answer that is an export. It ends when the client goes, or takes nothing for a minute."""

    def __init__(
        self,
        view: RecordView,
        request: Request,
        fields: Sequence[BaseField],
        query: Select[Any],
        extension: str,
    ) -> None:
        self._format = FORMATS[extension]()
        super().__init__(media_type=self._format.media_type)
        del self.headers["content-length"]
        name = f'attachment; filename="{view.resource}.{extension}"'
        self.headers["content-disposition"] = name
        self._view, self._request = view, request
        self._fields, self._query = fields, query

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        places = exports.of(self._request)
        place = places.place()
        try:
            # The request's own session ends with the first byte of the answer.
            await self._view.session(self._request).rollback()
            async with visit_of(self._request).services.database.session() as session:
                self._request.state.session = session
                async with aclosing(self._content(session)) as content:
                    await self._sent(content, receive, send)
        finally:
            places.give_back(place)

    async def _sent(
        self, content: AsyncGenerator[bytes, None], receive: Receive, send: Send
    ) -> None:
        # Before the answer begins: what the database refuses has a status of its own.
        first = await anext(content)
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        await _take(first, send)
        watching = asyncio.create_task(_disconnected(receive))
        try:
            # Between two batches, so that no statement is broken off: its connection stays good.
            async for chunk in content:
                if watching.done():
                    return
                await _take(chunk, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            # Whoever comes back finds the connection closed, and knows that this is not all.
            log.warning("an export of %s was left where it was", self._view.resource)
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _content(self, session: AsyncSession) -> AsyncGenerator[bytes, None]:
        head = self._format.head([str(each.label or each.name) for each in self._fields])
        async with aclosing(self._batches(session)) as batches:
            async for rows in batches:
                yield head + self._format.rows(rows)
                head = b""
        yield head + self._format.tail()

    async def _batches(self, session: AsyncSession) -> AsyncGenerator[list[Values], None]:
        """The rows, in the values of the file."""
        columns = [
            getattr(self._view.model, each.name)
            for each in self._fields
            if column_of(self._view.model, each.name) is not None
        ]
        tells_more = type(self._view).extras is not ReadableView.extras
        plain = len(columns) == len(self._fields) and not tells_more
        # Of columns alone: a record costs twice as much to make as all of its values.
        query = self._query.with_only_columns(*columns) if plain else self._query
        found = await session.stream(query, execution_options={"yield_per": BATCH})
        try:
            async for rows in found.partitions():
                yield [_row(each) for each in rows] if plain else await self._records(rows)
        finally:
            with anyio.CancelScope(shield=True):
                await found.close()

    async def _records(self, rows: Sequence[Any]) -> list[Values]:
        records = [row[0] for row in rows]
        extras = await self._view.extras(self._request, self._fields, records)

        def value(field: BaseField, record: Any) -> Any:
            if field.name in extras:
                return extras[field.name].get(self._view.keys.of(record))
            return getattr(record, field.name, None)

        return [_row([value(each, record) for each in self._fields]) for record in records]


async def _take(chunk: bytes, send: Send) -> None:
    with anyio.fail_after(STALLED):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _row(values: Sequence[Any]) -> Values:
    return [each if type(each) in _UNCHANGED else exported(each) for each in values]


def _guarded(value: Any) -> Any:
    return escape_formula(value) if isinstance(value, str) else value


def _encoded(text: str) -> bytes:
    # Half a character, which the app may hold, is a question mark.
    return text.encode("utf-8", "replace")
