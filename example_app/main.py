"""A small bookshop: a catalogue, orders and reviews.

Run it from the root of the repository with `fastapi dev` or `uvicorn example_app.main:app`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from example_app import catalogue, orders, quotes, reviews
from example_app.database import AsyncDatabase, Settings, connected
from example_app.shipping import ShippingRates

log = logging.getLogger(__name__)

READY_SECONDS = 2


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
    rates = ShippingRates()
    async with connected(Settings().database_url) as database:
        log.info("the shop is open; it sends to %d countries", len(rates.by_country))
        yield {"database": database, "shipping_rates": rates}
    log.info("the shop is closed")


app = FastAPI(title="Bookshop", lifespan=lifespan)
for room in (catalogue, orders, reviews, quotes):
    app.include_router(room.router)


@app.exception_handler(RequestValidationError)
async def invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
    """422 without the input: NaN, or half a surrogate pair, could not be sent back as JSON."""
    faults = [{name: fault[name] for name in ("type", "loc", "msg")} for fault in error.errors()]
    return JSONResponse({"detail": faults}, 422)


@app.get("/health/live", tags=["health"])
async def live() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/health/ready", tags=["health"])
async def ready(session: AsyncDatabase) -> dict[str, str]:
    try:
        async with asyncio.timeout(READY_SECONDS):
            await session.scalar(text("SELECT 1"))
    except (SQLAlchemyError, TimeoutError):
        log.exception("the database does not answer")
        raise HTTPException(503, "The database does not answer.") from None
    return {"status": "ok"}
