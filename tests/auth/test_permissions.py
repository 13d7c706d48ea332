"""Permissions are strings, and patterns grant them."""

import pytest

from backoffice.auth.permissions import grants, intersection, parsed
from backoffice.core import Conflict, InvalidInput, NotFound, SetupError
from tests.auth.conftest import House


@pytest.mark.parametrize("good", ["*", "books:read", "books:*", "api-keys:view", "a.b:c_d"])
def test_a_permission_names_a_resource_and_an_action(good: str) -> None:
    assert parsed(good) == good


@pytest.mark.parametrize(
    "bad", ["", "books", "books:", ":read", "Books:read", "*:read", "a:b:c", "b ooks:read", "a:b\n"]
)
def test_anything_else_is_refused_with_the_form(bad: str) -> None:
    with pytest.raises(InvalidInput, match="resource:action"):
        parsed(bad)


@pytest.mark.parametrize(
    ("held", "wanted", "granted"),
    [
        ({"books:read"}, "books:read", True),
        ({"books:*"}, "books:read", True),
        ({"*"}, "books:*", True),
        ({"books:read"}, "books:*", False),
        ({"books:*"}, "*", False),
        ({"books:*"}, "bookshop:read", False),
        (set(), "books:read", False),
    ],
)
def test_a_pattern_grants_what_it_covers(held: set[str], wanted: str, granted: bool) -> None:
    assert grants(frozenset(held), wanted) is granted


def test_an_intersection_keeps_the_narrower_of_what_overlaps() -> None:
    assert intersection({"*"}, {"books:read"}) == {"books:read"}
    assert intersection({"books:*", "orders:read"}, {"books:read", "orders:*"}) == {
        "books:read",
        "orders:read",
    }
    assert intersection({"books:read"}, {"orders:read"}) == set()


def test_a_misspelled_permission_in_a_route_is_an_error_when_the_app_is_written(
    house: House,
) -> None:
    with pytest.raises(SetupError, match="resource:action"):
        house.auth.require("read books")


def test_a_role_is_created_once(house: House) -> None:
    roles = house.services.roles
    house.call(roles.create("editor", ["books:*"], actor="test"))
    with pytest.raises(Conflict):
        house.call(roles.create("editor", actor="test"))


def test_a_role_with_a_bad_permission_is_not_created_at_all(house: House) -> None:
    roles = house.services.roles
    with pytest.raises(InvalidInput):
        house.call(roles.create("editor", ["books:read", "nonsense"], actor="test"))
    with pytest.raises(NotFound):
        house.call(roles.find("editor"))


def test_allowing_twice_changes_once(house: House) -> None:
    roles = house.services.roles
    house.call(roles.create("editor", ["books:read"], actor="test"))
    wanted = ["books:read", "books:write"]
    assert house.call(roles.allow("editor", wanted, actor="test")) == ["books:write"]
    assert house.call(roles.allow("editor", wanted, actor="test")) == []


def test_granting_twice_changes_once(house: House) -> None:
    user, roles = house.user(), house.services.roles
    house.call(roles.create("editor", actor="test"))
    assert house.call(roles.grant(user.id, "editor", actor="test")) is True
    assert house.call(roles.grant(user.id, "editor", actor="test")) is False


def test_a_role_is_changed_at_once_or_not_at_all(house: House) -> None:
    roles = house.services.roles
    role = house.call(roles.create("editor", ["books:read"], actor="test"))
    house.call(roles.create("taken", actor="test"))
    with pytest.raises(InvalidInput):
        house.call(roles.change(role.id, name="new", permissions=["nonsense"], actor="test"))
    with pytest.raises(Conflict):
        house.call(roles.change(role.id, name="taken", permissions=["a:b"], actor="test"))
    assert house.call(roles.find("editor")).id == role.id
    assert house.call(roles.permissions_of(role.id)) == ["books:read"]
    house.call(roles.change(role.id, name="author", permissions=["books:write"], actor="test"))
    assert house.call(roles.find("author")).id == role.id
    assert house.call(roles.permissions_of(role.id)) == ["books:write"]


def test_a_user_is_changed_with_their_roles_at_once_or_not_at_all(house: House) -> None:
    user, users, roles = house.user(), house.services.users, house.services.roles
    for name in ("one", "two"):
        house.call(roles.create(name, actor="test"))
    house.call(users.change(user.id, {}, roles=["one"], actor="test"))
    with pytest.raises(NotFound):
        house.call(
            users.change(user.id, {"is_verified": True}, roles=["two", "no such"], actor="test")
        )
    assert house.call(roles.of_user(user.id)) == ["one"]
    assert house.call(users.get(user.id)).is_verified is False
    house.call(users.change(user.id, {"is_verified": True}, roles=["two"], actor="test"))
    assert house.call(roles.of_user(user.id)) == ["two"]


def test_the_last_superuser_stays(house: House) -> None:
    user = house.user(superuser=True)
    for change in ({"is_superuser": False}, {"is_active": False}):
        with pytest.raises(Conflict, match="last active superuser"):
            house.call(house.services.users.change(user.id, change, actor="test"))
    with pytest.raises(Conflict, match="last active superuser"):
        house.call(house.services.users.delete(user.id, actor="test"))
