"""An app of the reader's own, in an empty folder, that gains a back office by a few lines."""

import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.processes import Backoffice, Server

BEFORE = """
from fastapi import FastAPI
from sqlmodel import Field, Session, SQLModel, create_engine, select

class Book(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str

engine = create_engine("sqlite:///backoffice.db")
SQLModel.metadata.create_all(engine)
app = FastAPI()

@app.get("/books")
def books() -> list[Book]:
    with Session(engine) as session:
        return session.exec(select(Book)).all()

@app.post("/books")
def add_book(book: Book) -> str:
    with Session(engine) as session:
        session.add(book)
        session.commit()
    return "added"
"""

AFTER = """
from typing import Annotated
from fastapi import FastAPI
from sqlmodel import Field, Session, SQLModel, create_engine, select
from backoffice.admin import Admin
from backoffice.auth import Auth, Principal
from backoffice.ratelimit import RateLimit

class Book(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str

auth = Auth()
admin = Admin(auth, models=[Book])

engine = create_engine("sqlite:///backoffice.db")
SQLModel.metadata.create_all(engine)
app = FastAPI()
app.include_router(auth.router, prefix="/auth")
app.include_router(admin.router, prefix="/admin")

@app.get("/books")
def books(who: Annotated[Principal, auth.require("books:read")]) -> list[Book]:
    with Session(engine) as session:
        return session.exec(select(Book)).all()

@app.post("/books", dependencies=[auth.require("books:write"), RateLimit("2/minute")])
def add_book(book: Book) -> str:
    with Session(engine) as session:
        session.add(book)
        session.commit()
    return "added"
"""

ANN, PASSWORD = "ann@example.com", "correct horse battery"
ADMIN = "admin@example.com"


def server(**environment: str) -> Server:
    """The app of the present folder, as the reader would run it."""
    command = [sys.executable, "-m", "uvicorn", "main:app", "--port"]
    return Server(lambda port: [*command, str(port)], environment)


def test_an_app_gains_a_back_office(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    """Sign-in, roles, an admin, limits and migrations; what it had goes on working."""
    monkeypatch.chdir(tmp_path)
    main = tmp_path / "main.py"
    main.write_text(BEFORE)
    with server() as app:
        assert app.post("/books", json={"title": "Dune"}).status_code == 200

    main.write_text(AFTER)
    secret = Backoffice(tmp_path, {}).does("secrets", "generate")["secret"]
    backoffice = Backoffice(tmp_path, {"BACKOFFICE_SECRET_KEY": secret})
    backoffice.does("migrate", "up")
    create = ("users", "create", ANN, "--role", "clerk", "--password-stdin")
    backoffice.does("roles", "create", "clerk", "--allow", "books:*")
    backoffice.does(*create, typed=PASSWORD)
    root = ("users", "create", ADMIN, "--superuser", "--password-stdin")
    backoffice.does(*root, typed=PASSWORD)
    reads = ("keys", "create", "--user", ANN, "--name", "ci", "--scope", "books:read")
    key = backoffice.does(*reads)["key"]

    with server(BACKOFFICE_SECRET_KEY=secret) as app:
        token = app.login(ANN, PASSWORD)["access_token"]
        assert app.get("/books").status_code == 401
        for credential in ({"token": token}, {"key": key}):
            assert app.get("/books", **credential).json() == [{"id": 1, "title": "Dune"}]
        assert app.post("/books", key=key, json={"title": "Emma"}).status_code == 403
        answers = [app.post("/books", token=token, json={"title": "Emma"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert len(app.get("/books", key=key).json()) == 3

        page.goto(f"{app.url}/admin")
        page.get_by_label("E-mail").fill(ADMIN)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("navigation").get_by_role("link", name="Books").click()
        expect(page.get_by_role("cell", name="Dune")).to_be_visible()


def test_an_app_that_makes_its_tables_itself_is_migrated_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started once before the first migration, with a `create_all` that sees every table."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.py").write_text(AFTER)
    with server(BACKOFFICE_SECRET_KEY="s" * 32) as app:
        assert app.get("/auth/me").status_code == 401
    backoffice = Backoffice(tmp_path, {"BACKOFFICE_SECRET_KEY": "s" * 32})
    assert backoffice.does("migrate", "up")["applied"]
    assert backoffice.does("users", "create", ANN, "--generate")["email"] == ANN
