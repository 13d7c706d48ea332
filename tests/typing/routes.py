"""How a route, a websocket and a middleware take a singleton's value, each with its type.

Type-checked by mypy and pyright, both strict; not run.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, assert_type

from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from sqlmodel import Session
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import HTTPConnection

from backoffice.core import (
    Database,
    Settings,
    Singleton,
    database,
    reads,
    session,
    settings,
    singleton,
    singletons,
    sync_session,
)


class Catalogue:
    def __init__(self, title: str) -> None:
        self.title = title


@singleton
async def catalogue(settings: Annotated[Settings, Depends(settings)]) -> AsyncIterator[Catalogue]:
    yield Catalogue(str(settings.database_url))


assert_type(catalogue, Singleton[Catalogue])
assert_type(settings, Singleton[Settings])

Books = Annotated[Catalogue, Depends(catalogue)]

app = FastAPI(lifespan=singletons())
router = APIRouter(lifespan=singletons(catalogue, database))
app.include_router(router)


@app.get("/inline")
async def inline(books: Annotated[Catalogue, Depends(catalogue)]) -> str:
    assert_type(books, Catalogue)
    return books.title


@app.get("/alias")
def alias(books: Books) -> str:
    assert_type(books, Catalogue)
    return books.title


@app.get("/default")
async def default(books: Catalogue = Depends(catalogue)) -> str:
    assert_type(books, Catalogue)
    return books.title


@app.get("/of", dependencies=[Depends(catalogue)])
async def of(request: Request) -> str:
    assert_type(catalogue.of(request), Catalogue)
    return catalogue.of(request).title


@app.websocket("/socket")
async def socket(websocket: WebSocket, books: Books) -> None:
    assert_type(books, Catalogue)
    assert_type(catalogue.of(websocket), Catalogue)


@reads(catalogue, database)
async def title(connection: HTTPConnection, suffix: str = "") -> str:
    assert_type(database.of(connection), Database)
    return catalogue.of(connection).title + suffix


@app.get("/reads")
async def by_dependency(title: Annotated[str, Depends(title)]) -> str:
    return title


@app.get("/sessions")
async def sessions(
    session: Annotated[AsyncSession, Depends(session)],
    sync: Annotated[Session, Depends(sync_session)],
) -> None: ...


async def called(request: Request) -> None:
    """A marked dependency keeps its own signature; a singleton can be called like one."""
    assert_type(await title(request, suffix="!"), str)
    assert_type(await catalogue(request), Catalogue)
    await title(request, suffix=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def wrong(request: Request, scope: dict[str, Any]) -> Iterator[str]:
    yield catalogue.of(request)  # type: ignore[misc]  # pyright: ignore[reportReturnType]
    yield catalogue.of(scope).title  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    yield catalogue.of(request).shelf  # type: ignore[attr-defined]  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]


def refused() -> None:
    reads("catalogue")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    singletons(title)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
