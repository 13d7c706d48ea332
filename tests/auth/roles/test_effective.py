"""The effective set: all that a user may do, how it came to them, and who may do something."""

import uuid
from datetime import timedelta

import pytest
from sqlmodel import SQLModel

from backoffice.auth.effective import Path
from backoffice.auth.models import RoleInclusion
from backoffice.auth.sessions import TOKEN, Client
from backoffice.core import InvalidInput, NotFound
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House
from tests.auth.test_revocations import Statements


@pytest.fixture
def library(house: House) -> House:
    """Chiefs are editors, editors are readers; and so are guides, who are chiefs besides."""
    roles = house.services.roles
    for name, permissions, includes in (
        ("reader", ["books:read"], []),
        ("editor", ["books:*"], ["reader"]),
        ("chief", ["users:view"], ["editor"]),
        ("guide", [], ["reader", "chief"]),
    ):
        house.call(roles.create(name, permissions, includes=includes, actor="test"))
    return house


async def added(house: House, row: SQLModel) -> None:
    """A row, written by hand."""
    async with house.services.database.session() as session:
        session.add(row)
        await session.commit()


def test_each_way_to_a_permission_is_told_the_shortest_first(
    time: ManualClock, library: House
) -> None:
    user, services = library.user(), library.services
    until = time.now() + timedelta(hours=1)
    library.call(services.roles.grant(user.id, "guide", actor="test"))
    library.call(services.roles.grant(user.id, "reader", until, actor="test"))
    library.call(services.grants.give(user.id, "books:read", actor="test"))
    found = library.call(services.effective.of_user(user.id))
    assert found.permissions == {"books:read", "books:*", "users:view"}
    assert found.roles == {"guide", "chief", "editor", "reader"}
    assert found.changes_at == until
    assert found.paths("books:read") == [
        Path("direct", "books:read"),
        Path("role", "books:read", ("reader",), until),
        Path("role", "books:read", ("guide", "reader")),
        Path("role", "books:*", ("guide", "chief", "editor")),
    ]
    assert found.paths("books:*") == [Path("role", "books:*", ("guide", "chief", "editor"))]
    assert found.paths("orders:read") == []


def test_a_superuser_may_do_everything(house: House) -> None:
    user = house.user(superuser=True)
    found = house.call(house.services.effective.of_user(user.id))
    assert found.permissions == {"*"}
    assert found.paths("books:read") == [Path("superuser", "*")]


def test_who_is_deactivated_may_do_nothing_of_what_they_hold(house: House) -> None:
    user, effective = house.user("ann@example.com", "books:read"), house.services.effective
    assert house.call(effective.of_user(user.id)).can("books:read")
    change = house.services.users.change(user.id, {"is_active": False}, actor="test")
    house.call(change)
    found = house.call(effective.of_user(user.id))
    assert found.paths("books:read")
    assert not found.active
    assert not found.can("books:read")
    assert house.call(effective.who_can("books:read")) == []


def test_nobody_has_no_effective_set(house: House) -> None:
    with pytest.raises(NotFound, match="no user"):
        house.call(house.services.effective.of_user(uuid.uuid4()))


def test_what_has_not_the_form_is_asked_of_nobody(house: House) -> None:
    user = house.user()
    found = house.call(house.services.effective.of_user(user.id))
    with pytest.raises(InvalidInput):
        found.paths("read books")
    with pytest.raises(InvalidInput):
        house.call(house.services.effective.who_can("read books"))


def test_a_request_with_a_new_credential_asks_once(library: House) -> None:
    """However many roles, inclusions and grants its owner has."""
    user, services = library.user(), library.services
    for name in ("guide", "reader", "editor"):
        library.call(services.roles.grant(user.id, name, actor="test"))
    library.call(services.grants.give(user.id, "books:write", actor="test"))
    key = library.key(user)
    library.get("/who", key=library.key(user))
    statements = Statements(library)
    assert library.get("/books", key=key).status_code == 200
    asked = [each for each in statements.seen if "backoffice_revocation" not in each]
    assert len(asked) == 1
    assert "WITH RECURSIVE" in asked[0]


def test_a_row_comes_back_for_a_credential_however_much_its_owner_holds(library: House) -> None:
    """Roles times permissions would be rows by the thousand."""
    user, services = library.user(), library.services
    for number in range(20):
        name = f"role {number}"
        held = [f"users:{verb}" for verb in ("view", "add", "change", "delete")]
        library.call(services.roles.create(name, held, includes=["chief"], actor="test"))
        library.call(services.roles.grant(user.id, name, actor="test"))
    session = services.sessions.opened(user, TOKEN, Client())
    library.call(added(library, session))
    rows = library.call(services.principals._rows(services.principals._of_session, id=session.id))
    assert len(rows) == 1


def test_a_circle_that_was_made_by_hand_ends(library: House) -> None:
    user, services = library.user(), library.services
    library.call(services.roles.grant(user.id, "chief", actor="test"))
    one, other = (library.call(services.roles.find(each)).id for each in ("reader", "chief"))
    library.call(added(library, RoleInclusion(role_id=one, included_id=other)))
    assert library.call(services.effective.of_user(user.id)).roles == {"chief", "editor", "reader"}
    assert library.call(services.effective.who_can("users:view")) == [user]
    assert library.get("/books", library.token()).status_code == 200
