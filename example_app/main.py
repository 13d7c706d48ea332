"""A small bookshop: a catalogue, orders and reviews, with a back office.

`make demo` runs it with rows and accounts, `uvicorn example_app.main:app` as it is.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from backoffice.core import Database, database
from example_app import accounts, catalogue, orders, quotes, reviews
from example_app.accounts import auth
from example_app.admin import admin

log = logging.getLogger(__name__)

READY_SECONDS = 2


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    log.info("the shop is open")
    yield {"opened_at": datetime.now(UTC)}
    log.info("the shop is closed")


app = FastAPI(title="Bookshop", lifespan=lifespan)
for room in (catalogue, orders, reviews, quotes, accounts):
    app.include_router(room.router)
app.include_router(auth.router, prefix="/auth")
app.include_router(admin.router, prefix="/admin")


@app.exception_handler(RequestValidationError)
async def invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
    """422 without the input: NaN, or half a surrogate pair, could not be sent back as JSON."""
    faults = [{name: fault[name] for name in ("type", "loc", "msg")} for fault in error.errors()]
    return JSONResponse({"detail": faults}, 422)


@app.get("/health/live", tags=["health"])
async def live(request: Request) -> dict[str, str]:
    return {"status": "ok", "since": request.state.opened_at.isoformat(timespec="seconds")}


@app.get("/health/ready", tags=["health"])
async def ready(opened: Annotated[Database, Depends(database)]) -> dict[str, str]:
    try:
        async with asyncio.timeout(READY_SECONDS):
            await opened.ping()  # answers 503 itself where there is no database
    except TimeoutError:
        raise HTTPException(503, "The database does not answer.") from None
    return {"status": "ok"}
