"""A link to a new password, which somebody who looks after accounts has their owner sent."""

import pytest

from backoffice.auth import User
from backoffice.core.testing import SentMail
from tests.admin.conftest import House
from tests.admin.recovering import MAILING, OTHER, link, send, token
from tests.auth.conftest import PASSWORD

pytestmark = pytest.mark.one_database

BOB = "bob@example.com"


@pytest.fixture(autouse=True)
def mailing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MAILING.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def manager(house: House) -> House:
    """Somebody who manages accounts, signed in; bob, and somebody who may do everything."""
    house.user(BOB)
    house.user("boss@example.com", superuser=True)
    house.signed_in("users:*", email="manager@example.com")
    return house


def user(house: House, email: str = BOB) -> User:
    return house.call(house.services.users.find(email))


def ask(house: House, *users: User) -> int:
    form = {"name": "send-reset", "pks": [str(each.id) for each in users]}
    return house.send("/users/action", form).status_code


def signs_in(house: House, password: str) -> bool:
    form = {"username": BOB, "password": password}
    return house.client.post("/auth/login", data=form).status_code == 200


def test_its_owner_chooses_a_new_password_by_it(manager: House) -> None:
    assert "Send a reset link" in manager.open(f"/users/detail?pk={user(manager).id}").text
    assert ask(manager, user(manager)) == 303
    assert signs_in(manager, PASSWORD), "the old one is good until the link is followed"
    followed = link(manager, BOB)
    assert [each.to for each in SentMail(manager.running)] == [BOB]
    own = user(manager, "manager@example.com").id
    (told,) = [each for each in manager.events() if each.event == "auth.reset_sent"]
    assert (told.actor, told.subject) == (f"user:{own}", f"user:{user(manager).id}")
    assert token(followed) not in manager.open("/users").text
    answer = send(manager, "reset-password", token=token(followed), password=OTHER)
    assert answer.status_code == 303
    assert signs_in(manager, OTHER)
    assert not signs_in(manager, PASSWORD)


def test_nobody_is_sent_one_by_who_may_do_less_or_for_an_account_of_nobody(
    manager: House,
) -> None:
    users = manager.services.users
    robot = manager.call(users.create_service("robot@example.com", actor="test"))
    gone = manager.user("gone@example.com")
    manager.call(users.change(gone.id, {"is_active": False}, actor="test"))
    for each in (user(manager, "boss@example.com"), robot, gone):
        assert ask(manager, each) == 403
        assert ask(manager, user(manager), each) == 403, "not even to one whom they may do it to"
    manager.client.cookies.clear()
    manager.signed_in("users:view", email="looker@example.com")
    assert ask(manager, user(manager)) == 403
    manager.client.cookies.clear()
    form = {"name": "send-reset", "pks": str(user(manager).id)}
    assert manager.client.post("/admin/users/action", data=form).status_code == 401
    assert len(SentMail(manager.running)) == 0
    assert not [each for each in manager.events() if each.event == "auth.reset_sent"]
