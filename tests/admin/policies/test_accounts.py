"""Policies and field rules of our own tables hold on the pages of accounts."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import ColumnElement, func
from sqlmodel import col

from backoffice.admin import Admin
from backoffice.auth import Auth, Principal, User
from tests.admin.conftest import House, create_tables
from tests.auth.conftest import AppWithAccounts
from tests.services.databases import Databases

VERBS = ("view", "add", "change", "delete", "export")


class Offices(House):
    """Each sees the accounts of their own office, by the domain of the address."""

    def __init__(self) -> None:
        auth, app = Auth(), FastAPI()
        AppWithAccounts.__init__(self, auth, app, follow_redirects=False)
        auth.fields(User, read={"email": "users:see-email"})

        @auth.policy(User, *VERBS)
        def of_the_office(who: Principal, user: type[User]) -> ColumnElement[bool]:
            return func.lower(col(user.email)).endswith(who.email.partition("@")[2])

        self.admin = Admin(auth)
        app.include_router(auth.router, prefix="/auth")
        app.include_router(self.admin.router, prefix="/admin")


@pytest.fixture
def offices(sqlite_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Iterator[Offices]:
    with sqlite_databases.copy("admin", create_tables) as url:
        monkeypatch.setenv("BACKOFFICE_DATABASE_URL", url)
        monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
        with Offices() as found:
            found.user("cat@example.com")
            found.user("bob@other.example")
            yield found


def test_the_log_names_only_users_who_may_be_seen(offices: Offices) -> None:
    offices.signed_in("audit:view", "audit:export", "users:view", "users:see-email")
    for path in ("/audit", "/audit/export?format=csv"):
        page = offices.open(path).text
        assert "cat@example.com" in page
        assert "bob@other.example" not in page


def test_the_log_names_nobody_by_an_address_that_may_not_be_read(offices: Offices) -> None:
    offices.signed_in("audit:view", "audit:export", "users:view")
    for path in ("/audit", "/audit/export?format=csv", "/users"):
        page = offices.open(path).text
        assert "cat@example.com" not in page
        assert "bob@other.example" not in page


def test_nobody_makes_an_account_that_they_could_not_change(offices: Offices) -> None:
    """Nor makes one of another office of one of their own; what is refused leaves nothing."""
    offices.signed_in(*(f"users:{each}" for each in VERBS), "users:see-email")
    refused = offices.send("/users/add", {"email": "New@Other.example"})
    assert refused.status_code == 422
    assert "You may not add a record such as this would be." in refused.text
    assert offices.send("/users/add", {"email": "New@Example.com"}).status_code == 200
    cat = next(each for each in offices.all(User) if each.email == "cat@example.com")
    path = f"/users/edit?pk={cat.id}"
    assert offices.send(path, {"email": "cat@other.example"}).status_code == 422
    assert offices.send(path, {"email": "new@example.com"}).status_code == 422
    assert offices.send(path, {"email": "tom@example.com"}).status_code == 303
    assert {each.email for each in offices.all(User)} == {
        "ann@example.com",
        "bob@other.example",
        "new@example.com",
        "tom@example.com",
    }


def test_no_page_of_people_tells_of_those_who_may_not_be_seen(offices: Offices) -> None:
    """Neither the matrix, whoever holds the role, nor anything that is done to a user."""
    roles = offices.services.roles
    reader = offices.call(roles.create("reader", ["audit:view"], actor="test"))
    people = {each.email: each for each in offices.all(User)}
    for each in people.values():
        offices.call(roles.grant(each.id, "reader", actor="test"))
    offices.signed_in("roles:*", "users:*", "audit:*", "permissions:view")
    token, other = offices.token(), people["bob@other.example"].id
    asked = offices.send("/roles/matrix", {"stood": f"{reader.id} audit:view"}, token)
    assert "cat@example.com" in asked.text
    assert "bob@other.example" not in asked.text
    assert "Others who hold" not in asked.text
    assert offices.open(f"/users/detail?pk={other}").status_code == 404
    for path, form in (
        ("roles", {"take": "reader"}),
        ("lock", {"span": "hour"}),
        ("impersonate", {"reason": "to look"}),
    ):
        assert offices.send(f"/users/{path}?pk={other}", form, token).status_code == 404
    offices.client.cookies.clear()
    lesser = ("roles:*", "users:view", "audit:*")
    offices.signed_in(*lesser, email="dan@example.com")
    asked = offices.send("/roles/matrix", {"stood": f"{reader.id} audit:view"})
    assert "You may not see users" in asked.text
    assert "cat@example.com" not in asked.text
