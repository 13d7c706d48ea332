"""Each admin as an app, and the addresses of what is measured of it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from backoffice.admin import Admin, ModelAdmin
from backoffice.auth import Auth
from backoffice.core import Run, serve
from benchmarks.administration.asking import Asking, ToAsgi, ToWsgi, shown_form
from benchmarks.administration.books import COLUMNS, EXPORTED, Book

EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
DATABASE = "BACKOFFICE_DATABASE_URL"
#: One that some titles hold, and a book in the middle.
WANTED, MIDDLE = "77777", 500_000

Opened = Callable[[], AbstractAsyncContextManager[Asking]]
Export = Callable[[Asking], Awaitable[int]]


@dataclass(frozen=True)
class Contestant:
    """An admin: how it is opened, signed in where it has a sign-in, and where its pages are."""

    opened: Opened
    first: str
    deep: str
    search: str
    edit: str
    export: Export | None = None
    #: The whole table, for whoever can write that without holding it.
    whole: Export | None = None


def _got(path: str) -> Export:
    async def export(asking: Asking) -> int:
        answer = await asking.get(path)
        return answer.size

    return export


class BookAdmin(ModelAdmin):
    """Ours."""

    model = Book
    list_display = COLUMNS
    search_fields = ("title",)


@asynccontextmanager
async def ours() -> Any:
    """Our admin, for somebody who is signed in: its session and permissions are resolved each
    time."""
    auth = Auth()
    app = FastAPI()
    app.include_router(Admin(auth, models=[BookAdmin]).router, prefix="/admin")
    async with Run(app) as run:
        services = await run.open(auth.services)
        await services.users.create(EMAIL, PASSWORD, superuser=True, actor="benchmark")
    async with serve(app) as asgi:
        asking = Asking(ToAsgi(asgi))
        await asking.get("/admin/login")
        form = {"email": EMAIL, "password": PASSWORD}
        answer = await asking.post("/admin/login", form)
        answer.check(303)
        yield asking


def _engine() -> AsyncEngine:
    return create_async_engine(os.environ[DATABASE])


@asynccontextmanager
async def starlette_admin() -> Any:
    """starlette-admin alone: no sign-in."""
    from starlette_admin.contrib.sqlmodel import Admin as PlainAdmin
    from starlette_admin.contrib.sqlmodel import ModelView

    class BookView(ModelView):
        searchable_fields = ("id", "title")  # the key, to narrow an export by
        page_size = 25

    app, engine = FastAPI(), _engine()
    plain = PlainAdmin(engine, base_url="/admin", secret_key="benchmark" * 4)
    plain.add_view(BookView(Book, key="books"))
    plain.mount_to(app)
    async with serve(app) as asgi:
        yield Asking(ToAsgi(asgi))
    await engine.dispose()


async def _starlette_admin_export(asking: Asking) -> int:
    form = await shown_form(asking, "/admin/books/edit?pk=1", "title")
    path = (
        f"/admin/_api/books/action?name=export&all=1&_list_query=%3Ffilter%3Did__lte%3D{EXPORTED}"
    )
    sent = {name: value for name, value in form.values if "csrf" in name}
    answer = await asking.post(path, {**sent, "scope": "all", "format": "csv"})
    return answer.check(200).size


@asynccontextmanager
async def sqladmin() -> Any:
    """SQLAdmin: no sign-in. Its exports can be limited, and not filtered."""
    from sqladmin import Admin as SqlAdmin
    from sqladmin import ModelView

    class BookView(ModelView, model=Book):
        column_list = COLUMNS
        column_searchable_list = ("title",)
        page_size = 25
        export_max_rows = EXPORTED

    app, engine = FastAPI(), _engine()
    SqlAdmin(app, engine).add_view(BookView)
    async with serve(app) as asgi:
        yield Asking(ToAsgi(asgi))
    await engine.dispose()


@asynccontextmanager
async def django() -> Any:
    """Django's admin, for its superuser."""
    from benchmarks.administration import shelf

    thread = ThreadPoolExecutor(1)
    loop = asyncio.get_running_loop()
    application, cookie = await loop.run_in_executor(thread, shelf.prepared, os.environ[DATABASE])
    yield Asking(ToWsgi(application, thread), {"sessionid": cookie})
    thread.shutdown()


def contestants(rows: int) -> dict[str, Contestant]:
    """All of them, with pages of 25 books."""
    middle, last = min(MIDDLE, rows // 2), rows // 25 - 1
    return {
        "ours": Contestant(
            ours,
            "/admin/books",
            "/admin/books?before=last",
            f"/admin/books?q={WANTED}",
            f"/admin/books/edit?pk={middle}",
            _got(f"/admin/books/export?filter=id__lte%3D{EXPORTED}"),
            _got("/admin/books/export"),
        ),
        "starlette-admin": Contestant(
            starlette_admin,
            "/admin/books/list",
            f"/admin/books/list?page={last}",
            f"/admin/books/list?q={WANTED}",
            f"/admin/books/edit?pk={middle}",
            _starlette_admin_export,
        ),
        "SQLAdmin": Contestant(
            sqladmin,
            "/admin/book/list?pageSize=25",
            f"/admin/book/list?pageSize=25&page={last}",
            f"/admin/book/list?pageSize=25&search={WANTED}",
            f"/admin/book/edit/{middle}",
            _got("/admin/book/export/csv"),
        ),
        "Django": Contestant(
            django,
            "/admin/shelf/book/",
            f"/admin/shelf/book/?p={last}",
            f"/admin/shelf/book/?q={WANTED}",
            f"/admin/shelf/book/{middle}/change/",
        ),
    }
