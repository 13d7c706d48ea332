"""Roles that include roles, in the admin: by those who may do all that is given or taken."""

from datetime import UTC, datetime, timedelta

import pytest

from backoffice.auth import Role
from tests.admin.conftest import House, fields_of

MANAGER = ("roles:view", "roles:add", "roles:change", "roles:delete", "books:view")


@pytest.fixture
def manager(house: House) -> House:
    """Somebody who manages roles and may see books, signed in; other roles may do more."""
    roles = house.services.roles
    house.call(roles.create("reader", ["books:view"], actor="test"))
    house.call(roles.create("writer", ["books:change"], actor="test"))
    house.call(roles.create("chief", includes=["writer"], actor="test"))
    house.signed_in(*MANAGER)
    return house


def role(house: House, name: str) -> Role:
    return house.call(house.services.roles.find(name))


def included(house: House, name: str) -> list[str]:
    return house.call(house.services.roles.included_in(role(house, name).id))


def test_included_roles_are_chosen_kept_and_taken_out(manager: House) -> None:
    form = {"name": "guest", "includes": "reader", "includes.sent": "1"}
    assert manager.send("/roles/add", form).status_code == 303
    guest = role(manager, "guest")
    assert included(manager, "guest") == ["reader"]
    page = manager.open(f"/roles/edit?pk={guest.id}").text
    assert fields_of(page)["includes"] == "reader"
    form = {**fields_of(page), "description": "Looks around"}
    assert manager.send(f"/roles/edit?pk={guest.id}", form).status_code == 303
    assert included(manager, "guest") == ["reader"]
    assert ">reader<" in manager.open("/roles").text
    form = {"includes.sent": "1"}
    assert manager.send(f"/roles/edit?pk={guest.id}", form).status_code == 303
    assert included(manager, "guest") == []


@pytest.mark.parametrize("beyond", ["writer", "chief"])
def test_no_role_is_included_that_may_do_more(manager: House, beyond: str) -> None:
    page = manager.open("/roles/add").text
    assert 'value="reader"' in page
    assert f'value="{beyond}"' not in page
    form = {"name": "guest", "includes": beyond, "includes.sent": "1"}
    assert manager.send("/roles/add", form).status_code == 422
    assert "guest" not in [each.name for each in manager.all(Role)]


def test_a_role_that_may_do_more_by_what_it_includes_is_left_alone(manager: House) -> None:
    chief = role(manager, "chief")
    assert f"/admin/roles/edit?pk={chief.id}" not in manager.open("/roles").text
    form = {"includes.sent": "1"}
    assert manager.send(f"/roles/edit?pk={chief.id}", form).status_code == 403
    assert included(manager, "chief") == ["writer"]


def test_a_circle_is_told_at_the_included_roles(manager: House) -> None:
    form = {"name": "guest", "includes": "reader", "includes.sent": "1"}
    assert manager.send("/roles/add", form).status_code == 303
    reader = role(manager, "reader")
    form = {"includes": "guest", "includes.sent": "1"}
    answer = manager.send(f"/roles/edit?pk={reader.id}", form)
    assert answer.status_code == 422
    assert "circle" in answer.text.split('id="includes-error">')[1]


def test_an_unknown_permission_is_told_at_the_permissions(manager: House) -> None:
    manager.client.cookies.clear()
    manager.signed_in(superuser=True, email="root@example.com")
    answer = manager.send("/roles/add", {"name": "typo", "permissions": "books:veiw"})
    assert answer.status_code == 422
    assert "did you mean books:view?" in answer.text.split('id="permissions-error">')[1]


def test_what_somebody_holds_for_a_while_they_give_nobody_for_good(house: House) -> None:
    house.call(house.services.roles.create("reader", ["books:view"], actor="test"))
    managing = ("users:view", "users:change", "roles:view", "roles:add")
    own = house.signed_in(*managing, "roles:change", email="manager@example.com")
    until = datetime.now(UTC) + timedelta(hours=1)
    house.call(house.services.grants.give(own.id, "books:view", until, actor="test"))
    peer = house.user("peer@example.com", "books:view")
    form = {"name": "new", "permissions": "books:view"}
    assert house.send("/roles/add", form).status_code == 422
    form = {"permissions": "books:view", "includes": "reader", "includes.sent": "1"}
    role_id = role(house, "role of manager").id
    assert house.send(f"/roles/edit?pk={role_id}", form).status_code == 422
    form = {"roles": "reader", "roles.sent": "1"}
    assert house.send(f"/users/edit?pk={own.id}", form).status_code == 422
    form = {"email": "mine@example.com"}
    assert house.send(f"/users/edit?pk={peer.id}", form).status_code == 422
    form = {"name": "new-password", "pks": str(peer.id)}
    assert house.send("/users/action", form).status_code == 403
    house.call(house.services.grants.give(own.id, "*", until, actor="test"))
    form = {"is_superuser": "on", "is_superuser.sent": "1"}
    assert house.send(f"/users/edit?pk={own.id}", form).status_code == 422
    assert house.call(house.services.roles.of_user(own.id)) == ["role of manager"]
