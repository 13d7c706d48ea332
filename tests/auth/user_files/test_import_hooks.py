"""The hooks of the app's own manager are called for each account, and may refuse a line."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi_users import InvalidPasswordException

from backoffice.auth import Auth, User, UserManager
from backoffice.core import InvalidInput
from tests.auth.conftest import PASSWORD, House, create_tables
from tests.auth.user_files.conftest import Importer, people

WELCOMED: list[str] = []


class Hooked(UserManager):
    """Welcomes people, but for one; and knows what is no password."""

    async def validate_password(self, password: str, user: Any) -> None:
        if "shop" in password:
            raise InvalidPasswordException(reason=f"{password} has the name of the shop.")

    async def on_after_register(self, user: User, request: Any = None) -> None:
        if user.email.startswith("p1@"):
            raise InvalidInput("no")
        WELCOMED.append(user.email)


@pytest.fixture
def hooked(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Importer]:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    auth, app = Auth(manager=Hooked), FastAPI()
    app.include_router(auth.router, prefix="/auth")
    WELCOMED.clear()
    with House(auth, app) as house:
        yield Importer(house, tmp_path)


def test_each_person_is_welcomed_within_the_transaction(hooked: Importer) -> None:
    assert hooked.refused(*people(3), {"email": "robot@example.com", "service": True}) == [
        (2, "refused_by_app")
    ]
    assert WELCOMED == ["p0@example.com", "p2@example.com"]
    assert hooked.events().count("user_created") == 3


def test_what_the_manager_says_of_a_password_does_not_reach_the_report(hooked: Importer) -> None:
    lines = [{"email": "a@example.com", "password": "the shop"}, *people(1, password=PASSWORD)]
    assert hooked.refused(*lines) == [(1, "weak_password")]
    assert "shop" not in hooked.report.read_text()
