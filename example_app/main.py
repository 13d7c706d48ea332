"""A small bookshop: a catalogue, orders and reviews, with a back office.

`make demo` runs it with rows and accounts, `uvicorn example_app.main:app` as it is.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from backoffice.core import health_router
from example_app import accounts, catalogue, live, orders, quotes, reviews
from example_app.accounts import auth
from example_app.admin import admin

log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    log.info("the shop is open")
    yield
    log.info("the shop is closed")


app = FastAPI(title="Bookshop", lifespan=lifespan)
for room in (catalogue, live, orders, reviews, quotes, accounts):
    app.include_router(room.router)
app.include_router(auth.router, prefix="/auth")
app.include_router(admin.router, prefix="/admin")
app.include_router(health_router)
auth.openapi(app)
auth.protect(app, public=["/docs", "/redoc", "/openapi.json"])


@app.exception_handler(RequestValidationError)
async def invalid_request(_: Request, error: RequestValidationError) -> JSONResponse:
    """422 without the input: NaN, or half a surrogate pair, could not be sent back as JSON."""
    faults = [{name: fault[name] for name in ("type", "loc", "msg")} for fault in error.errors()]
    return JSONResponse({"detail": faults}, 422)
