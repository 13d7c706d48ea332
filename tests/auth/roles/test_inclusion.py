"""Roles include roles, at any depth, and never in a circle."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from backoffice.auth import RoleChanged
from backoffice.core import Conflict, InvalidInput, NotFound
from tests.auth.conftest import House, built


def chain(house: House, *names: str) -> None:
    """Roles of which each includes the next; the last may read books."""
    roles = house.services.roles
    for name in reversed(names):
        includes = names[names.index(name) + 1 :][:1]
        held = [] if includes else ["books:read"]
        house.call(roles.create(name, held, includes=includes, actor="test"))


def test_who_holds_a_role_may_do_what_the_included_ones_allow(house: House) -> None:
    chain(house, "chief", "editor", "reader")
    user = house.user()
    house.call(house.services.roles.grant(user.id, "chief", actor="test"))
    token = house.token()
    assert house.get("/books", token).status_code == 200
    assert house.get("/who", token).json()["permissions"] == ["books:read"]
    house.call(house.services.roles.exclude("editor", ["reader"], actor="test"))
    assert house.get("/books", token).status_code == 403


def test_a_principal_has_the_names_of_included_roles(house: House) -> None:
    """So that limits by role count a chief as an editor, too."""
    chain(house, "chief", "reader")
    user = house.user()
    house.call(house.services.roles.grant(user.id, "chief", actor="test"))
    good = house.call(house.services.resolver.good(house.token()))
    assert good is not None
    assert good.principal.roles == {"chief", "reader"}


@pytest.mark.parametrize("inner", ["chief", "editor", "reader"])
def test_a_circle_is_refused_at_any_depth(house: House, inner: str) -> None:
    chain(house, "chief", "editor", "reader")
    with pytest.raises(Conflict, match="circle") as refused:
        house.call(house.services.roles.include("reader", ["chief"], actor="test"))
    assert refused.value.code == "role_circle"
    role = house.call(house.services.roles.find(inner))
    with pytest.raises(Conflict, match="circle"):
        house.call(house.services.roles.change(role.id, includes=[inner], actor="test"))


def test_roles_that_are_included_at_once_make_no_circle(house: House) -> None:
    """Three processes, each of which adds a third of a circle."""
    names = ["a", "b", "c"]
    for name in names:
        house.call(house.services.roles.create(name, actor="test"))

    def include(house: House, name: str, other: str) -> str:
        try:
            house.call(house.services.roles.include(name, [other], actor="test"))
        except Conflict as refusal:
            return refusal.code
        return "included"

    with built() as second, built() as third, ThreadPoolExecutor() as threads:
        done = threads.map(include, [house, second, third], names, [*names[1:], names[0]])
        assert sorted(done) == ["included", "included", "role_circle"]
    assert len(house.call(house.services.roles.inclusions())) == 2


def test_including_and_excluding_say_what_they_changed(house: House) -> None:
    roles = house.services.roles
    for name in ("one", "two", "all"):
        house.call(roles.create(name, actor="test"))
    assert house.call(roles.include("all", ["one", "two"], actor="test")) == ["one", "two"]
    assert house.call(roles.include("all", ["one"], actor="test")) == []
    assert house.call(roles.exclude("all", ["one"], actor="test")) == ["one"]
    assert house.call(roles.exclude("all", ["one"], actor="test")) == []
    entries = house.call(house.services.audit.entries(subject="role:all"))
    assert [each.data["change"] for each in entries] == [
        "excludes one",
        "includes one two",
        "created",
    ]
    assert {each.event for each in entries} == {RoleChanged.name}


def test_denying_takes_what_the_role_has(house: House) -> None:
    roles = house.services.roles
    role = house.call(roles.create("editor", ["books:read", "books:write"], actor="test"))
    taken = house.call(roles.deny("editor", ["books:write", "orders:read"], actor="test"))
    assert taken == ["books:write"]
    assert house.call(roles.permissions_of(role.id)) == ["books:read"]


def test_an_unknown_role_is_neither_included_nor_excluded(house: House) -> None:
    roles = house.services.roles
    house.call(roles.create("editor", actor="test"))
    for change in (roles.include, roles.exclude):
        with pytest.raises(NotFound, match="no such"):
            house.call(change("editor", ["no such"], actor="test"))
    with pytest.raises(NotFound):
        house.call(roles.create("chief", ["books:read"], includes=["no such"], actor="test"))
    with pytest.raises(NotFound, match="chief"):
        house.call(roles.find("chief"))


def test_a_deleted_role_leaves_those_that_included_it(house: House) -> None:
    chain(house, "chief", "reader")
    roles = house.services.roles
    house.call(roles.delete(house.call(roles.find("reader")).id, actor="test"))
    chief = house.call(roles.find("chief"))
    assert house.call(roles.included_in(chief.id)) == []


def test_a_description_that_cannot_be_written_is_refused(house: House) -> None:
    with pytest.raises(InvalidInput, match="description"):
        house.call(house.services.roles.create("a", description="\ud800", actor="test"))
