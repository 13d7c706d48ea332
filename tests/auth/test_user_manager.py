"""The hooks of fastapi-users, for people who come from it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi_users import InvalidPasswordException

from backoffice.auth import Auth, User, UserManager
from backoffice.core import InvalidInput, NotFound
from tests.auth.conftest import PASSWORD, House, create_tables

Copies = Callable[[str, Callable[[str], None]], str]


class Hooked(UserManager):
    """Notes each hook, and refuses one address."""

    told: list[tuple[Any, ...]]

    async def validate_password(self, password: str, user: Any) -> None:
        await super().validate_password(password, user)
        if "shop" in password:
            raise InvalidPasswordException(reason="Not the name of the shop.")

    async def on_after_register(self, user: User, request: Any = None) -> None:
        self.told.append(("register", user.email))
        if user.email.startswith("spam"):
            raise InvalidInput("no", code="spam")

    async def on_after_login(self, user: User, request: Any = None, response: Any = None) -> None:
        self.told.append(("login", user.email))

    async def on_after_update(
        self, user: User, update_dict: dict[str, Any], request: Any = None
    ) -> None:
        self.told.append(("update", tuple(sorted(update_dict))))

    async def on_before_delete(self, user: User, request: Any = None) -> None:
        self.told.append(("before delete", user.email))

    async def on_after_delete(self, user: User, request: Any = None) -> None:
        self.told.append(("after delete", user.email))


@pytest.fixture
def told() -> list[tuple[Any, ...]]:
    return []


@pytest.fixture
def hooked(
    database_from_template: Copies, monkeypatch: pytest.MonkeyPatch, told: list[tuple[Any, ...]]
) -> Iterator[House]:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("auth", create_tables))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    auth, app = Auth(manager=type("Manager", (Hooked,), {"told": told})), FastAPI()
    app.include_router(auth.router, prefix="/auth")
    with House(auth, app) as house:
        yield house


def register(house: House, email: str, password: str = PASSWORD) -> tuple[int, str]:
    body = {"email": email, "password": password}
    answer = house.client.post("/auth/register", json=body)
    return answer.status_code, answer.json().get("detail", {}).get("code", "")


def test_each_hook_is_called_for_what_it_is_about(
    hooked: House, told: list[tuple[Any, ...]]
) -> None:
    assert register(hooked, "ann@example.com") == (202, "")
    assert hooked.login().status_code == 200
    users = hooked.services.users
    ann = hooked.call(users.find("ann@example.com"))
    hooked.call(users.change(ann.id, {"is_verified": True}, actor="test"))
    hooked.call(users.delete(ann.id, actor="test"))
    assert told == [
        ("register", "ann@example.com"),
        ("login", "ann@example.com"),
        ("update", ("is_verified",)),
        ("before delete", "ann@example.com"),
        ("after delete", "ann@example.com"),
    ]


def test_no_hook_is_told_a_password_or_a_hash(hooked: House, told: list[tuple[Any, ...]]) -> None:
    ann = hooked.user()
    hooked.call(hooked.services.users.set_password(ann.id, "another long one", actor="test"))
    assert told[-1] == ("update", ())


def test_a_password_that_the_app_refuses_is_told_why_everywhere(hooked: House) -> None:
    assert register(hooked, "ann@example.com", "my shop password") == (422, "invalid_password")
    ann = hooked.user()
    with pytest.raises(InvalidInput, match="Not the name of the shop"):
        hooked.call(hooked.services.users.set_password(ann.id, "the shop again", actor="test"))


def test_a_hook_that_raises_refuses_the_change(hooked: House) -> None:
    assert register(hooked, "spam@example.com") == (422, "spam")
    with pytest.raises(NotFound):
        hooked.call(hooked.services.users.find("spam@example.com"))
