"""A running app with accounts, the admin and a small library, on both databases."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from httpx2 import Response
from sqlalchemy import create_engine
from sqlmodel import SQLModel, col, select

from backoffice.admin import Admin, ModelAdmin
from backoffice.auth import AuditEntry, Auth, User
from tests.admin.library import Author, Book, Copy, Library, Tag
from tests.auth.conftest import PASSWORD, AppWithAccounts

T = TypeVar("T")

ORIGIN = {"Origin": "http://testserver"}
#: What somebody holds who may do everything to the library.
LIBRARIAN = ("books:*", "authors:*", "tags:*", "copies:*")
EVERY_VERB = ("view", "add", "change", "delete", "export")


class BookAdmin(ModelAdmin):
    model = Book
    list_display = ("title", "author", "price", "status", "added_at")
    search_fields = ("title", "isbn")
    ordering = ("title",)
    readonly_fields = ("pages",)
    icon = "book"


class House(AppWithAccounts):
    """An app with an admin, which runs within `with house:`."""

    def __init__(self) -> None:
        super().__init__(Auth(), FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=[Author, BookAdmin, Tag, Copy])
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")

    def add(self, *records: SQLModel) -> None:
        """Put records into the database, past the admin."""

        async def added() -> None:
            async with self.services.database.session() as session:
                session.add_all(records)
                await session.commit()

        self.call(added())

    def get(self, model: type[T], key: Any) -> T | None:
        """The record as the database has it."""

        async def found() -> T | None:
            async with self.services.database.session() as session:
                return await session.get(model, key)

        return self.call(found())

    def all(self, model: type[T]) -> list[T]:
        """Every record of a model."""

        async def found() -> list[T]:
            async with self.services.database.session() as session:
                return list((await session.exec(select(model))).all())

        return self.call(found())

    def events(self) -> list[AuditEntry]:
        """The audit log, oldest first."""

        async def found() -> list[AuditEntry]:
            async with self.services.database.session() as session:
                query = select(AuditEntry).order_by(col(AuditEntry.at))
                return list((await session.exec(query)).all())

        return self.call(found())

    def sign_in(self, email: str = "ann@example.com", password: str = PASSWORD) -> Response:
        """Sign the client in by the page itself."""
        form = {"email": email, "password": password}
        return self.client.post("/admin/login", data=form, headers=ORIGIN)

    def signed_in(self, *permissions: str, email: str = "ann@example.com", **fields: Any) -> User:
        """A new user who may enter and has these permissions, signed in."""
        granted = () if fields.get("superuser") else ("admin:enter", *permissions)
        user = self.user(email, *granted, **fields)
        answer = self.sign_in(email)
        assert answer.status_code == 303, answer.text
        return user

    def open(self, path: str, **headers: str) -> Response:
        return self.client.get(f"/admin{path}", headers=headers)

    def token(self) -> str:
        """The token of the session, as the forms carry it."""
        found = re.search(r'name="csrf_token" value="([\w-]+)"', self.open("/").text)
        assert found is not None
        return found[1]

    def send(self, path: str, data: dict[str, Any], token: str | None = None) -> Response:
        """A form as a page of this session sends it."""
        form = {"csrf_token": self.token() if token is None else token, **data}
        return self.client.post(f"/admin{path}", data=form, headers=ORIGIN)


def fields_of(page: str) -> dict[str, Any]:
    """What a browser would send if the form on this page were sent as it is."""
    form = page[page.index('<form class="card sheet') :]
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        name = attributes.get("name")
        unchecked = attributes.get("type") == "checkbox" and " checked" not in tag
        if name and not unchecked:
            value = unescape(attributes.get("value", "on"))
            found[name] = [found[name], value] if name in found else value
    for name, content in re.findall(
        r'<textarea[^>]* name="([^"]+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL
    ):
        found[name] = unescape(content).replace("\n", "\r\n")
    for attributes, content in re.findall(r"<select ([^>]*)>(.*?)</select>", form, re.DOTALL):
        name = re.search(r'name="([^"]+)"', attributes)
        chosen = re.findall(r'<option value="([^"]*)" selected', content)
        if name:
            found[name[1]] = chosen if "multiple" in attributes else (chosen or [""])[0]
    return found


def book(house: House, key: int = 1) -> Book:
    found = house.get(Book, key)
    assert found is not None
    return found


def titles(page: str) -> list[str]:
    return [title for title in ("Alpha", "Beta", "Gamma") if f">{title}" in page]


def query_of(location: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(location).query)


def create_tables(url: str) -> None:
    engine = create_engine(url.replace("+aiosqlite", ""))
    accounts = [
        table for name, table in User.metadata.tables.items() if name.startswith("backoffice_")
    ]
    User.metadata.create_all(engine, tables=accounts)
    Library.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def settings(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment that the app reads."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("admin", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "1000/minute")


@pytest.fixture(scope="session")
def built() -> House:
    """One app for all tests: it holds nothing of any of its runs, and takes 0.1 s to make."""
    return House()


@pytest.fixture
def house(settings: None, built: House) -> Iterator[House]:
    """The app, running, with empty tables."""
    with built:
        yield built


@pytest.fixture
def stocked(house: House) -> House:
    """With two authors, three books and two tags; keys count from 1."""
    house.add(Author(name="Ada"), Author(name="Grace"), Tag(name="new"), Tag(name="old"))
    house.add(
        Book(title="Alpha", isbn="a", author_id=1, weight=1.25),
        Book(title="Beta", isbn="b", author_id=2),
        Book(title="Gamma 100%", isbn="c", author_id=1),
    )
    return house


@pytest.fixture
def editor(stocked: House) -> House:
    """Somebody who may do everything to the library, signed in."""
    stocked.signed_in(*LIBRARIAN)
    return stocked
