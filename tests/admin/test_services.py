"""Service accounts in the admin: shown as what they are, and never signed in."""

import pytest

from backoffice.auth import User
from backoffice.auth.user_manager import NO_PASSWORD
from tests.admin.conftest import House, fields_of

NAME = "deploy@services.example.com"


@pytest.fixture
def root(house: House) -> House:
    """A superuser, signed in."""
    house.signed_in(superuser=True, email="root@example.com")
    return house


@pytest.fixture
def service(root: House) -> User:
    return root.call(root.services.users.create_service(NAME, actor="test"))


def test_it_says_what_it_is_wherever_it_is_named(root: House, service: User) -> None:
    key, _ = root.call(root.services.keys.create(service, "ci", actor="test"))
    for path in (
        f"/users/detail?pk={service.id}",
        "/users/lookup",
        "/api-keys",
        f"/api-keys/detail?pk={key.id}",
    ):
        page = root.open(path).text
        assert f"{NAME} (service)" in page, path
        assert "root@example.com (service)" not in page
    head = root.open("/users").text.split("<tbody>")[0].split("<thead>")[1]
    assert "Service" in head


def test_its_roles_are_given_in_the_form_as_a_browser_sends_it(root: House, service: User) -> None:
    root.accounts.role("editor", "books:*")
    path = f"/users/edit?pk={service.id}"
    form = fields_of(root.open(path).text)
    assert not {"is_service", "locked_until"} & form.keys()
    assert root.send(path, form | {"roles": "editor"}).status_code == 303
    assert root.call(root.services.roles.of_user(service.id)) == ["editor"]


def test_no_form_makes_it_a_superuser_or_a_person(root: House, service: User) -> None:
    path = f"/users/edit?pk={service.id}"
    form = fields_of(root.open(path).text)
    assert root.send(path, form | {"is_superuser": "on"}).status_code == 422
    root.send(path, form | {"is_service": "", "is_service.sent": "1"})
    found = root.get(User, service.id)
    assert found is not None
    assert (found.is_superuser, found.is_service) == (False, True)


def test_a_form_makes_no_service(root: House) -> None:
    form = {"email": NAME, "password": "a long password", "is_service": "on"}
    root.send("/users/add", form)
    assert not any(each.is_service for each in root.all(User))


def test_it_is_given_no_password(root: House, service: User) -> None:
    root.send("/users/action", {"name": "new-password", "pks": str(service.id)})
    found = root.get(User, service.id)
    assert found is not None
    assert found.hashed_password == NO_PASSWORD
    assert "new-password" not in root.open(f"/users/detail?pk={service.id}").text


def test_it_does_not_sign_in(root: House, service: User) -> None:
    root.accounts.role("guest", "admin:enter")
    root.call(root.services.roles.grant(service.id, "guest", actor="test"))
    root.client.cookies.clear()
    for email in (NAME, "nobody@example.com"):
        assert root.sign_in(email).status_code == 401
