"""The hooks of the app's own manager are called for each account, and may refuse a line."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi_users import InvalidPasswordException
from sqlmodel import select

from backoffice.auth import Auth, User, UserManager
from backoffice.auth.user_files import imports
from backoffice.auth.user_manager import NO_PASSWORD
from backoffice.core import Forbidden, InvalidInput, Unavailable
from tests.auth.conftest import PASSWORD, House, create_tables
from tests.auth.user_files.conftest import Importer, people

WELCOMED: list[str] = []
OUTAGES: list[Unavailable] = []


class Hooked(UserManager):
    """Welcomes people, but for one; and knows what is no password."""

    async def validate_password(self, password: str, user: Any) -> None:
        if "shop" in password:
            raise InvalidPasswordException(reason=f"{password} has the name of the shop.")
        if "forbidden" in password:
            raise Forbidden("not this one")
        found = (await self.user_db.session.exec(select(User))).all()
        assert user.email not in {each.email for each in found}
        if OUTAGES:
            raise OUTAGES.pop()

    async def on_after_register(self, user: User, request: Any = None) -> None:
        if user.email.startswith("p1@"):
            raise InvalidInput("no")
        if user.email.startswith("out@") and OUTAGES:
            raise OUTAGES.pop()
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
    OUTAGES.clear()
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


def test_a_rule_for_passwords_may_ask_the_database_and_refuses_a_line_alone(
    hooked: Importer,
) -> None:
    lines = [{"email": "a@example.com", "password": "forbidden word"}]
    lines += [{"email": f"{each}@example.com", "password": PASSWORD} for each in "bcdef"]
    assert hooked.refused(*lines) == [(1, "refused_by_app")]
    assert hooked.events().count("user_created") == 5


def test_passwords_are_kept_until_the_lines_are_done_whatever_fails_meanwhile(
    hooked: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_PAUSE", 0)
    OUTAGES.append(Unavailable("try again"))
    lines = [{"email": f"{each}@example.com", "password": PASSWORD} for each in "abc"]
    assert hooked(*lines) == {"created": 3}
    assert all(hooked.user(each["email"]).hashed_password != NO_PASSWORD for each in lines)


def test_what_does_not_answer_a_hook_refuses_no_line(
    hooked: Importer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_PAUSE", 0)
    OUTAGES.append(Unavailable("try again"))
    assert hooked({"email": "out@example.com"}) == {"created": 1}
