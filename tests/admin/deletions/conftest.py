"""A running app whose admin shows the archive."""

from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import ColumnElement, create_engine
from sqlmodel import SQLModel, col

from backoffice.admin import Admin
from backoffice.auth import Auth, Principal
from tests.admin.conftest import House, create_tables
from tests.admin.deletions import archive
from tests.auth.conftest import AppWithAccounts

MODELS: list[type[SQLModel]] = [
    archive.Publisher,
    archive.Edition,
    archive.Volume,
    archive.Review,
    archive.Contract,
    archive.Folder,
    archive.Order,
    archive.Line,
    archive.Remark,
    archive.Team,
    archive.Desk,
    archive.Letter,
    archive.Card,
]


class ArchiveHouse(House):
    """The archive behind an admin; a policy keeps what is called Kept from being deleted."""

    def __init__(self) -> None:
        auth = Auth()

        @auth.policy(archive.Volume, "delete")
        def not_kept(_: Principal, volume: type[archive.Volume]) -> ColumnElement[bool]:
            return col(volume.name) != "Kept"

        @auth.policy(archive.Letter, "delete")
        def not_held(_: Principal, letter: type[archive.Letter]) -> ColumnElement[bool]:
            return col(letter.name) != "Kept"

        AppWithAccounts.__init__(self, auth, FastAPI(), follow_redirects=False)
        self.admin = Admin(self.auth, models=MODELS)
        self.app.include_router(self.auth.router, prefix="/auth")
        self.app.include_router(self.admin.router, prefix="/admin")


def create_archive(url: str) -> None:
    create_tables(url)
    engine = create_engine(url.replace("+aiosqlite", ""))
    archive.Archive.metadata.create_all(engine)
    engine.dispose()


@pytest.fixture
def settings(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The environment that the app reads."""
    url = database_from_template("archive", create_archive)
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    monkeypatch.setenv("BACKOFFICE_AUTH__SIGN_IN_LIMIT", "1000/minute")


@pytest.fixture(scope="session")
def built_archive() -> House:
    """One app for all tests of a session."""
    return ArchiveHouse()


@pytest.fixture
def house(settings: None, built_archive: House) -> Iterator[House]:
    """The app, running, with empty tables."""
    with built_archive:
        yield built_archive
