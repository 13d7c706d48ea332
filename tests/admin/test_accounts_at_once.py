"""Two people at one account or role: between the look at it and what is written comes nobody."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from backoffice.auth import Role, User
from backoffice.auth.roles import Roles
from backoffice.auth.users import Users
from tests.admin.conftest import House, fields_of
from tests.admin.history.changes import changes


@contextmanager
def overtaken(monkeypatch: pytest.MonkeyPatch, service: type[Any], **first: Any) -> Iterator[None]:
    """Somebody else is faster: their change comes after the look, and before what is written."""
    change = service.change
    done: list[Any] = []

    async def late(self: Any, id: Any, *args: Any, **kwargs: Any) -> Any:
        if not done:
            done.append(id)
            await change(self, id, actor="user:other", **first)
        return await change(self, id, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(service, "change", late)
        yield


def user(house: House, email: str) -> User:
    return next(each for each in house.all(User) if each.email == email)


def test_nobodys_change_of_an_account_is_overwritten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told, and told field by field when it is sent again."""
    house.signed_in(superuser=True)
    bob = house.user("bob@example.com")
    path = f"/users/edit?pk={bob.id}"
    form = {**fields_of(house.open(path).text), "email": "mine@example.com"}
    with overtaken(monkeypatch, Users, fields={"email": "theirs@example.com"}):
        answer = house.send(path, form)
    assert answer.status_code == 422
    assert "somebody else has changed this account just now" in answer.text
    assert user(house, "theirs@example.com").id == bob.id
    again = house.send(path, fields_of(answer.text))
    assert again.status_code == 409
    assert "theirs@example.com" in again.text
    assert "mine@example.com" in again.text


def test_nor_are_the_roles_that_somebody_holds(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.signed_in(superuser=True)
    bob = house.user("bob@example.com")
    for name in ("editor", "reader"):
        house.call(house.services.roles.create(name, [], actor="user:other"))
    path = f"/users/edit?pk={bob.id}"
    form = {**fields_of(house.open(path).text), "roles": ["editor"], "roles.sent": "1"}
    with overtaken(monkeypatch, Users, fields={}, roles=["reader"]):
        assert house.send(path, form).status_code == 422
    assert house.call(house.services.roles.of_user(bob.id)) == ["reader"]
    assert house.send(path, form).status_code == 409


def test_nor_is_a_role(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.signed_in(superuser=True)
    role = house.call(house.services.roles.create("editor", [], actor="user:other"))
    path = f"/roles/edit?pk={role.id}"
    form = {**fields_of(house.open(path).text), "permissions": "books:view"}
    with overtaken(monkeypatch, Roles, permissions=["books:change"]):
        answer = house.send(path, form)
    assert answer.status_code == 422
    assert "somebody else has changed the role" in answer.text
    assert house.call(house.services.roles.permissions_of(role.id)) == ["books:change"]
    (found,) = [each for each in house.all(Role) if each.name == "editor"]
    assert found.id == role.id


def test_nor_is_what_came_while_a_change_was_undone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.signed_in(superuser=True)
    bob = house.user("bob@example.com")
    fields = {"email": "bobby@example.com"}
    house.call(house.services.users.change(bob.id, fields, actor="user:other"))
    number = changes(house, "users", "change")[-1].number
    with overtaken(monkeypatch, Users, fields={"email": "theirs@example.com"}):
        answer = house.send(f"/users/undo?change={number}", {})
    assert answer.status_code == 409
    assert "somebody else has changed this account just now" in answer.text
    assert user(house, "theirs@example.com").id == bob.id
