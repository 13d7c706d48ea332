"""Limits by role: `RateLimit("1/hour", by_role=...)` knows the roles of whoever is signed in."""

import pytest

from backoffice.ratelimit import RateLimit
from tests.auth.conftest import House

BY_ROLE = {"gold": "3/hour", "staff": None}


@pytest.fixture
def limited(house: House) -> House:
    """The house with a route that allows more to those who have a role."""
    house.app.get("/limited", dependencies=[RateLimit("1/hour", by_role=BY_ROLE)])(lambda: None)
    return house


def passed(house: House, token: str = "", key: str = "") -> int:
    """How many of five requests were let through."""
    return [house.get("/limited", token, key).status_code for _ in range(5)].count(200)


def holding(house: House, role: str, email: str) -> str:
    """The token of an account that holds this role."""
    user = house.user(email)
    house.accounts.role(role, "books:read")
    house.call(house.services.roles.grant(user.id, role, actor="test"))
    return house.token(email)


def test_a_role_gives_its_limits(limited: House) -> None:
    assert passed(limited, holding(limited, "gold", "ann@example.com")) == 3
    assert passed(limited, holding(limited, "staff", "bob@example.com")) == 5
    limited.user("eve@example.com")
    assert passed(limited, limited.token("eve@example.com")) == 1
    assert passed(limited) == 1


def test_a_key_has_the_roles_of_its_owner_and_is_counted_by_itself(limited: House) -> None:
    user = limited.user()
    limited.accounts.role("gold", "books:read")
    limited.call(limited.services.roles.grant(user.id, "gold", actor="test"))
    one, other = limited.key(user), limited.key(user)
    assert passed(limited, key=one) == 3
    assert passed(limited, key=other) == 3


def test_a_role_without_permissions_counts_as_well(limited: House) -> None:
    user = limited.user()
    limited.call(limited.services.roles.create("gold", [], actor="test"))
    limited.call(limited.services.roles.grant(user.id, "gold", actor="test"))
    assert passed(limited, limited.token()) == 3


def test_a_role_that_is_taken_away_gives_nothing_any_more(limited: House) -> None:
    token = holding(limited, "staff", "ann@example.com")
    assert passed(limited, token) == 5
    user = limited.call(limited.services.users.find("ann@example.com"))
    limited.call(limited.services.roles.revoke(user.id, "staff", actor="test"))
    assert passed(limited, token) == 1


def test_a_bad_credential_has_no_roles(limited: House) -> None:
    """It names nobody, and its address is counted."""
    assert passed(limited, token="forged") == 1
    assert passed(limited) == 0
