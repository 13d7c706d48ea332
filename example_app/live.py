"""How many of a book are left: asked again and again over one websocket, as a till does."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect
from pydantic import TypeAdapter, ValidationError
from sqlmodel import select

from backoffice.core import Database, Unavailable, database
from example_app.accounts import auth
from example_app.models import Book
from example_app.schemas import Isbn

router = APIRouter(prefix="/api", tags=["catalogue"])
TRY_AGAIN_LATER = 1013
written = TypeAdapter(Isbn)


@router.websocket("/live", dependencies=[auth.require("books:read")])
async def stock(websocket: WebSocket, books: Annotated[Database, Depends(database)]) -> None:
    """The client sends an ISBN, and gets the number of copies, or null for no such book."""
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        try:
            while (message := await websocket.receive())["type"] == "websocket.receive":
                await websocket.send_json({"stock": await left(books, message.get("text"))})
        except Unavailable as refusal:
            await websocket.close(TRY_AGAIN_LATER, refusal.code)


async def left(books: Database, isbn: str | None) -> int | None:
    try:
        wanted = written.validate_python(isbn)
    except ValidationError:
        return None
    # A session of the question's own: one of the websocket's would hold a connection for an hour.
    async with books.session() as session:
        return (await session.exec(select(Book.stock).where(Book.isbn == wanted))).one_or_none()
