"""Roles and permissions are held for good or for a while, and no longer."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select

from backoffice.auth.events import PermissionGranted, PermissionTaken, RoleGranted
from backoffice.auth.holdings import ENDED_KEPT
from backoffice.auth.models import UserPermission, UserRole
from backoffice.core import InvalidInput, NotFound
from backoffice.core.testing import ManualClock
from tests.auth.conftest import House
from tests.auth.test_revocations import Statements

HOUR = timedelta(hours=1)


def test_a_permission_is_given_and_taken_by_itself(house: House) -> None:
    user, grants = house.user(), house.services.grants
    token = house.token()
    assert house.get("/books", token).status_code == 403
    assert house.call(grants.give(user.id, "books:read", actor="test")) is True
    assert house.call(grants.give(user.id, "books:read", actor="test")) is False
    assert house.get("/books", token).status_code == 200
    assert house.call(grants.take(user.id, "books:read", actor="test")) is True
    assert house.call(grants.take(user.id, "books:read", actor="test")) is False
    assert house.get("/books", token).status_code == 403


def test_both_are_in_the_audit_log(house: House) -> None:
    user, grants = house.user(), house.services.grants
    until = datetime.now(UTC) + HOUR
    house.call(grants.give(user.id, "books:read", until, actor="cli:ann"))
    house.call(grants.take(user.id, "books:read", actor="cli:bob"))
    entries = house.call(house.services.audit.entries(subject=f"user:{user.id}", limit=2))
    assert [(each.event, each.actor) for each in entries] == [
        (PermissionTaken.name, "cli:bob"),
        (PermissionGranted.name, "cli:ann"),
    ]
    assert entries[1].data == {"permission": "books:read", "expires_at": until.isoformat()}


@pytest.mark.parametrize("what", ["role", "permission"])
def test_a_grant_for_a_while_ends_by_itself_though_it_is_remembered(
    time: ManualClock, house: House, what: str
) -> None:
    user, until = house.user(), time.now() + timedelta(minutes=5)
    if what == "role":
        house.call(house.services.roles.create("reader", ["books:read"], actor="test"))
        house.call(house.services.roles.grant(user.id, "reader", until, actor="test"))
    else:
        house.call(house.services.grants.give(user.id, "books:read", until, actor="test"))
    token = house.token()
    for _ in range(2):
        assert house.get("/books", token).status_code == 200
    statements = Statements(house)
    time.advance(timedelta(minutes=4, seconds=59))
    assert house.get("/books", token).status_code == 200
    assert not [each for each in statements.seen if "backoffice_user" in each]
    time.advance(timedelta(seconds=1))
    assert house.get("/books", token).status_code == 403
    assert house.get("/who", token).json()["permissions"] == []


def test_the_time_of_a_grant_can_be_changed(time: ManualClock, house: House) -> None:
    user, roles = house.user(), house.services.roles
    house.call(roles.create("reader", ["books:read"], actor="test"))
    house.call(roles.grant(user.id, "reader", time.now() + HOUR, actor="test"))
    assert house.call(roles.grant(user.id, "reader", time.now() + HOUR, actor="test")) is False
    assert house.call(roles.grant(user.id, "reader", actor="test")) is True
    assert house.call(roles.held_by(user.id)) == [("reader", None)]
    newest = house.call(house.services.audit.entries(event=RoleGranted.name))[0]
    assert newest.data == {"role": "reader", "expires_at": ""}


def test_what_has_run_out_can_be_given_anew(time: ManualClock, house: House) -> None:
    user, roles, grants = house.user(), house.services.roles, house.services.grants
    house.call(roles.create("reader", ["books:read"], actor="test"))
    house.call(roles.grant(user.id, "reader", time.now() + HOUR, actor="test"))
    house.call(grants.give(user.id, "books:write", time.now() + HOUR, actor="test"))
    time.advance(HOUR)
    assert house.call(roles.of_user(user.id)) == []
    assert house.call(roles.of_users([user.id])) == {}
    assert house.call(grants.of_user(user.id)) == []
    house.call(house.services.users.change(user.id, {}, roles=["reader"], actor="test"))
    assert house.call(grants.give(user.id, "books:write", actor="test")) is True
    assert house.call(roles.held_by(user.id)) == [("reader", None)]
    assert [each.expires_at for each in house.call(grants.of_user(user.id))] == [None]


def test_saving_the_roles_held_leaves_their_end_as_it_is(time: ManualClock, house: House) -> None:
    user, roles, until = house.user(), house.services.roles, time.now() + HOUR
    for name in ("one", "two"):
        house.call(roles.create(name, actor="test"))
    house.call(roles.grant(user.id, "one", until, actor="test"))
    house.call(house.services.users.change(user.id, {}, roles=["one", "two"], actor="test"))
    assert house.call(roles.held_by(user.id)) == [("one", until), ("two", None)]


def test_a_time_that_has_passed_is_refused(time: ManualClock, house: House) -> None:
    user = house.user()
    house.call(house.services.roles.create("reader", actor="test"))
    with pytest.raises(InvalidInput, match="later time") as refused:
        house.call(house.services.grants.give(user.id, "books:read", time.now(), actor="test"))
    assert refused.value.code == "expiry_passed"
    with pytest.raises(InvalidInput, match="later time"):
        house.call(house.services.roles.grant(user.id, "reader", time.now(), actor="test"))


def test_a_time_that_no_clock_can_show_is_refused(house: House) -> None:
    user, west = house.user(), timezone(-5 * HOUR)
    late = datetime(9999, 12, 31, 23, tzinfo=west)
    with pytest.raises(InvalidInput, match="year"):
        house.call(house.services.grants.give(user.id, "books:read", late, actor="test"))


def test_what_has_run_out_is_taken_from_nobody(time: ManualClock, house: House) -> None:
    user, roles, grants = house.user(), house.services.roles, house.services.grants
    house.call(roles.create("reader", ["books:read"], actor="test"))
    house.call(roles.grant(user.id, "reader", time.now() + HOUR, actor="test"))
    house.call(grants.give(user.id, "books:write", time.now() + HOUR, actor="test"))
    time.advance(HOUR)
    assert house.call(roles.revoke(user.id, "reader", actor="test")) is False
    assert house.call(grants.take(user.id, "books:write", actor="test")) is False


def test_what_ran_out_long_ago_goes_with_the_next_grant(time: ManualClock, house: House) -> None:
    user, roles, grants = house.user(), house.services.roles, house.services.grants
    for name in ("old", "new"):
        house.call(roles.create(name, actor="test"))
    house.call(roles.grant(user.id, "old", time.now() + HOUR, actor="test"))
    house.call(grants.give(user.id, "books:write", time.now() + HOUR, actor="test"))
    for span, kept in ((ENDED_KEPT, 1), (HOUR, 0)):
        time.advance(span)
        house.call(roles.grant(user.id, "new", time.now() + HOUR, actor="test"))
        house.call(grants.give(user.id, "books:read", time.now() + HOUR, actor="test"))
        for kind in (UserRole, UserPermission):
            count = select(func.count()).select_from(kind)
            rows = house.call(house.services.database.read(count))
            assert rows[0][0] == 1 + kept


def test_nobody_who_is_not_there_is_given_anything(house: House) -> None:
    house.call(house.services.roles.create("reader", actor="test"))
    with pytest.raises(NotFound, match="no user"):
        house.call(house.services.grants.give(uuid.uuid4(), "books:read", actor="test"))
    with pytest.raises(NotFound, match="no user"):
        house.call(house.services.roles.grant(uuid.uuid4(), "reader", actor="test"))


def test_an_api_key_may_be_made_for_what_is_held_directly_and_does_no_more(house: House) -> None:
    user, grants = house.user(), house.services.grants
    house.call(grants.give(user.id, "books:read", actor="test"))
    key = house.key(user, "books:read")
    assert house.get("/books", key=key).status_code == 200
    house.call(grants.take(user.id, "books:read", actor="test"))
    assert house.get("/books", key=key).status_code == 403
    with pytest.raises(InvalidInput, match="may not"):
        house.key(user, "books:read")
