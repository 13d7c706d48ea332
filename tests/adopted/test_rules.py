"""Policies and field rules of the app's own class of users hold on the pages of accounts."""

import re
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import ColumnElement, func
from sqlmodel import col

from backoffice.admin import Admin
from backoffice.auth import Auth, Principal, UserModel
from notes.models import User
from tests.adopted.conftest import Notes, before_and_after
from tests.adopted.test_accounts import row


def ruled() -> Notes:
    auth, app = Auth(user_model=UserModel(User, hashed_password="password_hash")), FastAPI()
    auth.fields(
        User,
        read={"full_name": "users:see-name", "email": "users:see-email"},
        write={"is_active": "users:lock"},
    )

    @auth.policy(User, "view")
    def named(_: Principal[int], user: type[User]) -> ColumnElement[bool]:
        """By a column that only the app knows."""
        return col(user.full_name) != "Bob"

    @auth.policy(User, "delete")
    def unnamed(_: Principal[int], user: type[User]) -> ColumnElement[bool]:
        """As only the database can tell."""
        return func.length(user.full_name) == 0

    app.include_router(auth.router, prefix="/auth")
    app.include_router(Admin(auth).router, prefix="/admin")
    return Notes(auth, app)


@pytest.fixture
def office(
    database_from_template: Callable[[str, Callable[[str], None]], str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Notes]:
    monkeypatch.setenv("BACKOFFICE_DATABASE_URL", database_from_template("notes", before_and_after))
    monkeypatch.setenv("BACKOFFICE_SECRET_KEY", "k" * 32)
    with ruled() as found:
        yield found


def clerk(office: Notes, *more: str) -> TestClient:
    verbs = [f"users:{each}" for each in ("view", "change", "delete")]
    permissions = ["admin:enter", *verbs, *more]
    return office.accounts.signed_in("clerk@example.com", permissions=permissions, method="session")


def test_those_who_may_not_be_seen_are_on_no_page(office: Notes) -> None:
    client, bob = clerk(office, "users:see-email"), row(office, "bob@example.com")
    page = client.get("/admin/users").text
    assert "clerk@example.com" in page
    assert "bob@example.com" not in page
    assert client.get(f"/admin/users/detail?pk={bob.id}").status_code == 404
    assert client.get(f"/admin/users/edit?pk={bob.id}").status_code == 404


def test_those_who_may_not_be_seen_are_in_no_preview(office: Notes) -> None:
    client = clerk(office, "users:see-email", "roles:view", "roles:change")
    roles = office.services.roles
    role = office.call(roles.create("reporter", actor="test"))
    new = office.user("new@example.com")
    for each in (new, row(office, "bob@example.com")):
        office.call(roles.grant(each.id, "reporter", actor="test"))
        answer = client.get(f"/admin/users/impersonate?pk={each.id}")
        assert answer.status_code == (403 if each is new else 404)
    token = re.search(r'name="csrf_token" value="([\w-]+)"', client.get("/admin/").text)
    assert token is not None
    form = {"csrf_token": token[1], "allow": f"{role.id} users:view"}
    page = client.post("/admin/roles/matrix", data=form).text
    assert "new@example.com</a>" in page, "by the address, though other fields are hidden"
    assert "bob@example.com" not in page


def test_a_single_one_is_judged_as_an_object_of_the_class(office: Notes) -> None:
    client = clerk(office, "users:see-email")
    ann, new = row(office, "Ann@Example.com"), office.user("new@example.com")
    answers = [
        client.get(f"/admin/users/action?name=delete&pks={each}").status_code
        for each in (ann.id, new.id)
    ]
    assert answers == [403, 200]


def test_fields_are_those_of_the_class_under_their_names_on_the_page(office: Notes) -> None:
    client, ann = clerk(office), row(office, "Ann@Example.com")
    for path in ("/users", f"/users/detail?pk={ann.id}", f"/users/edit?pk={ann.id}"):
        answer = client.get(f"/admin{path}")
        assert answer.status_code == 200
        page = answer.text
        assert "Ann" not in page
        assert "xample.com" not in page.replace("clerk@example.com", "")
        assert 'name="is_active"' not in page
