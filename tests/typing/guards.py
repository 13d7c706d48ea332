"""What `auth` and `ratelimit` give goes into `Annotated` and `dependencies` without complaint.

Type-checked by mypy and pyright, both strict; not run.
"""

from typing import Annotated, assert_type

from fastapi import APIRouter, FastAPI, Request

from backoffice.admin import Admin
from backoffice.auth import Auth, Principal, Services
from backoffice.core import Singleton
from backoffice.ratelimit import (
    Check,
    Decision,
    Limit,
    Limiter,
    RateLimit,
    RateLimitMiddleware,
    Reservation,
    Reserve,
    limits,
)

auth = Auth()
admin = Admin(auth)

app = FastAPI(dependencies=[RateLimit("1000/minute")])
app.include_router(auth.router, prefix="/auth")
app.include_router(admin.router, prefix="/admin")
router = APIRouter(
    dependencies=[auth.require("orders:read"), RateLimit(Limit(5, 60_000_000, burst=5))]
)

Reader = Annotated[Principal, auth.require("books:read")]


@app.get("/books")
async def books(who: Annotated[Principal, auth.require("books:read")]) -> str:
    assert_type(who, Principal)
    return who.name


@app.get("/alias")
async def alias(who: Reader) -> str:
    assert_type(who, Principal)
    return who.name


@app.get("/either")
async def either(who: Annotated[Principal, auth.require(any_of=("a:read", "b:read"))]) -> bool:
    return who.can("a:read")


@app.get("/feed")
async def feed(who: Annotated[Principal | None, auth.optional()]) -> str | None:
    assert_type(who, Principal | None)
    return who.name if who is not None else None


@app.post("/ask", dependencies=[RateLimit("20/minute", "500/day"), auth.require()])
async def ask() -> None: ...


@app.get("/left")
async def left(decision: Annotated[Decision, RateLimit("5/minute", name="left")]) -> bool:
    assert_type(decision, Decision)
    return decision.allowed


def tenant(request: Request) -> str | None:
    return request.headers.get("x-tenant")


async def price(request: Request) -> int:
    return len(request.query_params)


async def plan(request: Request) -> str | tuple[str, ...] | None:
    return request.headers.get("x-plan")


RateLimit("20/minute", key=tenant, cost=price, on_error="open")
RateLimit(plan, by_role={"staff": None, "gold": ("9/second", "900/hour")}, on="failures")
RateLimit("20/day", cost=Reserve(price), exempt=lambda request: request.method == "HEAD")
app.add_middleware(RateLimitMiddleware, limits=["9/second"], key=tenant, on_error="closed")
app.add_middleware(RateLimitMiddleware, limits=plan, name="whole app")


@app.get("/tokens")
async def tokens(spent: Annotated[Reservation, RateLimit("20/day", cost=Reserve(5))]) -> None:
    assert_type(spent.actual, int | None)
    spent.settle(3)


async def together(limiter: Limiter) -> None:
    found = await limiter.check_all([Check("a", "b", limits("9/day")), Check("c", "d", ())])
    assert_type(found, list[Decision])
    async with limiter.reserve("a", "b", limits("5 concurrent")) as place:
        assert_type(place, Reservation)


assert_type(auth.services, Singleton[Services])
assert_type(auth.router, APIRouter)
assert_type(admin.router, APIRouter)


def refused() -> None:
    RateLimit("20/minute", on_error="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    RateLimit(20)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    auth.require(["books:read"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    auth.require(any_of="books:read")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
