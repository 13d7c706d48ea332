"""The admin behind a real server, for tests in a real browser."""

import contextvars
import os
import threading
import time
from typing import Any, Self

import anyio
import uvicorn
from playwright.sync_api import Page, expect
from sqlmodel import Session, create_engine

from backoffice.auth import User
from backoffice.core import Run
from tests.admin.conftest import House
from tests.admin.library import Author, Book, BookTag, Tag
from tests.auth.conftest import PASSWORD
from tests.services.process import free_port

START_SECONDS = 90


class Site:
    """The app behind a real server, in a thread of this process."""

    def __init__(self, house: House, **options: Any) -> None:
        self.house = house
        anyio.run(self._stock)
        self.port = port = free_port()
        self.url = f"http://127.0.0.1:{port}/admin"
        self._server = uvicorn.Server(
            uvicorn.Config(self.house.app, port=port, log_level="warning", **options)
        )
        # In the test's own context: what it has overridden is so for the app as well.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._server.run,))

    def __enter__(self) -> Self:
        self._thread.start()
        ends = time.monotonic() + START_SECONDS
        while not self._server.started and time.monotonic() < ends:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    def book(self, key: int = 1) -> Book:
        """The book as the database has it."""
        url = os.environ["BACKOFFICE_DATABASE_URL"].replace("+aiosqlite", "")
        engine = create_engine(url)
        with Session(engine) as session:
            book = session.get(Book, key)
        engine.dispose()
        assert book is not None
        return book

    async def _stock(self) -> None:
        async with Run(self.house.app) as run:
            services = await run.open(self.house.auth.services)
            ann: User = await services.users.create(
                "ann@example.com", PASSWORD, superuser=True, actor="test"
            )
            await services.keys.create(ann, "nightly import", actor="test")
            await services.roles.create("editor", ["books:*"], actor="test")
            async with services.database.session() as session:
                names = ["Ada", "Grace", *(f"Author {number}" for number in range(3, 151))]
                session.add_all(Author(name=name) for name in names)
                session.add(Tag(name="new"))
                await session.commit()
                session.add_all(
                    Book(title=f"Title {number:02}", isbn=str(number), author_id=150)
                    for number in range(1, 41)
                )
                await session.commit()
                session.add(BookTag(book_id=1, tag_name="new"))
                await session.commit()


def sign_in(page: Page, site: Site, path: str = "/") -> None:
    page.goto(site.url + path)
    page.get_by_label("E-mail").fill("ann@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("main#main")).to_be_visible()
