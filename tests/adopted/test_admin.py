"""The pages of accounts show and change the users of the app's own table."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response
from sqlmodel import select

from backoffice.admin import Admin
from backoffice.admin.accounts.users import UserAdmin, UserView
from backoffice.auth import AuditEntry, UserModel
from backoffice.core import SetupError
from notes.main import auth
from notes.models import User
from tests.adopted.conftest import Notes
from tests.adopted.test_accounts import row
from tests.adopted.test_user_models import Customer

Send = Callable[[str, dict[str, Any]], Response]


class Desk:
    """The app's own administrator at the site."""

    def __init__(self, notes: Notes) -> None:
        self.notes = notes
        ann = row(notes, "Ann@Example.com")
        self.client = notes.accounts.signed_in(user=ann.id, method="session")

    def open(self, path: str) -> str:
        answer = self.client.get(f"/admin{path}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, data: dict[str, Any]) -> Response:
        found = re.search(r'name="csrf_token" value="([\w-]+)"', self.open("/"))
        assert found is not None
        form = {"csrf_token": found[1], **data}
        return self.client.post(f"/admin{path}", data=form, follow_redirects=False)


@pytest.fixture
def desk(notes: Notes) -> Desk:
    return Desk(notes)


def test_the_list_and_the_page_of_a_user_show_no_hash(desk: Desk) -> None:
    bob = row(desk.notes, "bob@example.com")
    for path in (
        "/users",
        f"/users/detail?pk={bob.id}",
        f"/users/edit?pk={bob.id}",
        "/users?q=bob",
        "/users?sort=email",
        "/users?filter=is_active__is_true",
        "/users/export?format=json",
    ):
        page = desk.open(path)
        assert "bob@example.com" in page
        assert "$2b$" not in page


def test_a_user_is_changed(desk: Desk) -> None:
    bob = row(desk.notes, "bob@example.com")
    desk.notes.accounts.role("reporter", "reports:read")
    form = {
        "email": "Robert@example.com",
        "roles": "reporter",
        "roles.sent": "1",
        "is_active": "on",
        "is_active.sent": "1",
        "is_verified": "on",
        "is_verified.sent": "1",
    }
    answer = desk.send(f"/users/edit?pk={bob.id}", form)
    assert answer.status_code == 303, answer.text
    found = desk.notes.call(desk.notes.services.users.get(bob.id))
    assert (found.email, found.is_active, found.is_verified) == ("robert@example.com", True, True)
    assert row(desk.notes, "robert@example.com").full_name == "Bob"
    assert desk.notes.call(desk.notes.services.roles.of_user(bob.id)) == ["reporter"]


def test_a_user_is_made_who_is_one_of_the_app(desk: Desk) -> None:
    assert desk.send("/users/add", {"email": "new@example.com"}).status_code == 200
    assert row(desk.notes, "new@example.com").full_name == ""


def test_a_user_is_deleted(desk: Desk) -> None:
    bob = row(desk.notes, "bob@example.com")
    answer = desk.send("/users/action", {"name": "delete", "pks": str(bob.id)})
    assert answer.status_code == 303, answer.text
    assert row(desk.notes, "bob@example.com") is None


def test_sessions_keys_and_the_log_name_users_by_address(desk: Desk) -> None:
    bob = row(desk.notes, "bob@example.com")
    headers = desk.notes.token()
    desk.notes.client.post("/auth/api-keys", json={"name": "backup"}, headers=headers)
    for path in ("/sessions", "/api-keys", "/audit"):
        assert "bob@example.com" in desk.open(path)
    assert "backup" in desk.open(f'/api-keys?filter=user_id__eq="{bob.id}"')
    assert "backup" not in desk.open(f'/api-keys?filter=user_id__eq="{bob.id + 1}"')


def test_records_of_the_app_name_users_by_address(desk: Desk) -> None:
    assert "bob@example.com" in desk.open("/notes")


def test_the_class_of_the_users_has_a_page_already() -> None:
    with pytest.raises(SetupError, match="have pages of their own already"):
        Admin(auth, models=[User])


def test_the_page_of_a_user_shows_what_the_app_has_besides_and_changes_none_of_it(
    desk: Desk,
) -> None:
    bob = row(desk.notes, "bob@example.com")
    page = desk.open(f"/users/detail?pk={bob.id}")
    assert "Full name" in page
    assert "Bob" in page
    assert "password_hash" not in page
    for path in (f"/users/edit?pk={bob.id}", "/users/add", "/users"):
        assert "Full name" not in desk.open(path)
    form = {"email": "bob@example.com", "full_name": "Mallory", "full_name.sent": "1"}
    assert desk.send(f"/users/edit?pk={bob.id}", form).status_code in (303, 403, 422)
    assert row(desk.notes, "bob@example.com").full_name == "Bob"


def test_what_is_done_to_people_is_done_to_those_of_the_app(desk: Desk) -> None:
    """By whatever key the table has: here it is a number."""
    bob, services = row(desk.notes, "bob@example.com"), desk.notes.services
    desk.notes.accounts.role("reporter", "reports:read")
    role = desk.notes.call(services.roles.find("reporter"))
    for path, form in (
        ("roles", {"give": "reporter", "until": "2999-01-31T12:00"}),
        ("permissions", {"give": "admin:enter"}),
        ("password", {"password": "another horse battery staple"}),
        ("lock", {"span": "hour"}),
    ):
        answer = desk.send(f"/users/{path}?pk={bob.id}", form)
        assert answer.status_code == 303, answer.text
    page = desk.open(f"/users/detail?pk={bob.id}")
    for each in ("2999-01-31 12:00", "This account is locked until", "admin:enter", "reporter"):
        assert each in page, each
    form = {"name": "unlock", "pks": str(bob.id)}
    assert desk.send("/users/action", form).status_code == 303
    asked = desk.send("/roles/matrix", {"allow": f"{role.id} users:view"})
    assert "bob@example.com" in asked.text
    assert desk.send(f"/users/impersonate?pk={bob.id}", {"reason": "a look"}).status_code == 303
    assert "<strong>bob@example.com</strong>" in desk.open("/")
    assert desk.send("/impersonation/end", {}).status_code == 303
    assert "<strong>bob@example.com</strong>" not in desk.open("/")
    events = desk.notes.call(services.database.read(select(AuditEntry.event, AuditEntry.actor)))
    assert ("auth.impersonation_ended", f"user:{row(desk.notes, 'Ann@Example.com').id}") in events


def test_a_class_of_sqlalchemy_alone_has_a_page_as_well() -> None:
    model = UserModel(Customer, create=lambda given: Customer(country="NL", **given))
    options = type("CustomerAdmin", (UserAdmin,), {"model": model.user, "records": model})
    users = UserView(options, {})
    assert [each.name for each in users.fields][-1] == "country"
