"""What a list page costs: ours beside plain starlette-admin on the same table.

    python benchmarks/admin.py [rounds]

In one process, without a network: each request is the ASGI app called by a client in memory. Both
show the same nine columns of the same SQLite table, 25 rows a page, to somebody signed in (ours
resolves the session and its permissions each time; starlette-admin has no sign-in here). Requests
are taken in turn, so that a machine that slows down slows both; figures are medians.
"""

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from statistics import median

from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette_admin.contrib.sqlmodel import Admin as PlainAdmin
from starlette_admin.contrib.sqlmodel import ModelView

from backoffice.admin import Admin, ModelAdmin
from backoffice.auth import Auth, User
from backoffice.core import Run, serve

ROWS = 20_000
ROUNDS = 30
PASSWORD = "correct horse battery"
COLUMNS = ("id", "title", "isbn", "price", "stock", "in_print", "published", "country", "summary")
CASES = {
    "first page": ("", ""),
    "page 700": ("page=700", "page=700"),
    "search, 25 hits": ("q=number+77", "q=number+77"),
    "sorted by price": ("sort=price__desc", "sort=price__desc"),
}


class Book(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str
    isbn: str
    price: Decimal = Field(max_digits=8, decimal_places=2)
    stock: int
    in_print: bool
    published: date
    country: str
    summary: str


class BookAdmin(ModelAdmin):
    model = Book
    list_display = COLUMNS
    search_fields = ("title",)


class BookView(ModelView):
    searchable_fields = ("title",)
    page_size = 25


def shop(auth: Auth) -> FastAPI:
    """An app with our admin and with a plain one."""
    app = FastAPI()
    app.include_router(Admin(auth, models=[BookAdmin]).router, prefix="/ours")
    engine = create_async_engine(
        os.environ["BACKOFFICE_DATABASE_URL"].replace(":", "+aiosqlite:", 1)
    )
    plain = PlainAdmin(engine, base_url="/plain", secret_key="benchmark")
    plain.add_view(BookView(Book, key="books"))
    plain.mount_to(app)
    return app


async def stock(app: FastAPI, auth: Auth) -> None:
    """Fill the table, and create somebody who may see it."""
    chance = random.Random(1)
    async with Run(app) as run:
        services = await run.open(auth.services)
        async with services.database.engine.begin() as connection:
            await connection.run_sync(User.metadata.create_all)
            await connection.run_sync(SQLModel.metadata.create_all)
        async with AsyncSession(services.database.engine) as session:
            session.add_all(book(chance, number) for number in range(ROWS))
            await session.commit()
        await services.users.create("a@example.com", PASSWORD, superuser=True, actor="benchmark")


def book(chance: random.Random, number: int) -> Book:
    return Book(
        title=f"A book by the number {number}",
        isbn=f"978{number:010}",
        price=Decimal(chance.randint(500, 9000)) / 100,
        stock=chance.randint(0, 90),
        in_print=chance.random() > 0.2,
        published=datetime.fromtimestamp(chance.randint(0, 2**30), UTC).date(),
        country=chance.choice(["DE", "FR", "GB", "PL"]),
        summary="Some words about it, as there are in any catalogue of books.",
    )


async def timed(client: AsyncClient, path: str) -> tuple[float, float, int]:
    """Wall and CPU milliseconds of a request, and the bytes of its answer."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = await client.get(path)
    spent = time.perf_counter() - wall, time.process_time() - cpu
    if answer.status_code != 200:
        raise SystemExit(f"{path}: {answer.status_code}")
    return spent[0] * 1000, spent[1] * 1000, len(answer.content)


async def compare(client: AsyncClient, rounds: int) -> None:
    print(f"{ROWS} rows, medians of {rounds}, wall / CPU ms and kB")
    print(f"{'':18}{'ours':>24}{'starlette-admin':>24}{'ratio of CPU':>14}")
    for name, (ours, plain) in CASES.items():
        paths = (f"/ours/books?{ours}", f"/plain/books/list?{plain}")
        found: list[list[tuple[float, float, int]]] = [[], []]
        for _ in range(rounds):
            for index, path in enumerate(paths):
                found[index].append(await timed(client, path))
        (ours_ms, plain_ms) = (
            tuple(median(each[part] for each in runs) for part in range(3)) for runs in found
        )
        shown = [f"{m[0]:.1f} / {m[1]:.1f}, {m[2] / 1000:.0f} kB" for m in (ours_ms, plain_ms)]
        ratio = plain_ms[1] / ours_ms[1]
        print(f"{name:18}{shown[0]:>24}{shown[1]:>24}{ratio:>13.1f}x")


async def main(rounds: int) -> None:
    auth = Auth()
    app = shop(auth)
    await stock(app, auth)
    async with (
        serve(app) as asgi,
        AsyncClient(transport=ASGITransport(asgi), base_url="http://shop") as client,
    ):
        form = {"email": "a@example.com", "password": PASSWORD}
        await client.post("/ours/login", data=form, headers={"Origin": "http://shop"})
        await compare(client, rounds)


@contextmanager
def environment() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BACKOFFICE_DATABASE_URL"] = f"sqlite:///{folder}/shop.db"
        os.environ["BACKOFFICE_SECRET_KEY"] = "benchmark" * 4
        yield


if __name__ == "__main__":
    with environment():
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
