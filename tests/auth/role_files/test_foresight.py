"""A plan foresees what apply would refuse: that nobody is left to run the back office."""

import random

import pytest

from backoffice.auth.role_files import applying, foresight
from backoffice.auth.role_files.documents import document
from backoffice.auth.role_files.terms import RoleTerms
from backoffice.core import Conflict
from tests.auth.conftest import House

NAMES = ("ann", "bob", "robot")
PERMISSIONS = ("*", "roles:*", "roles:change", "users:change", "books:read")


def test_a_role_grants_what_it_includes_at_any_depth() -> None:
    roles = {
        "a": RoleTerms(includes=frozenset({"b"})),
        "b": RoleTerms(includes=frozenset({"c"})),
        "c": RoleTerms(permissions=frozenset({"roles:*"})),
        "d": RoleTerms(permissions=frozenset({"books:*"}), includes=frozenset({"e"})),
        "e": RoleTerms(includes=frozenset({"d"})),
    }
    assert foresight.granting(roles, {"*", "roles:*"}) == {"a", "b", "c"}
    assert foresight.granting(roles, {"*"}) == set()


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_what_is_foreseen_is_what_happens(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ann", "bob"):
        house.user(f"{name}@example.com")
    house.call(house.services.users.create_service("robot@example.com", actor="test"))
    chance, foreseen = random.Random(3), []
    first = "[roles.admin]\npermissions = ['*']\nholders = ['ann@example.com', 'bob@example.com']\n"
    assert not refused(house, first, prune=False, apply=True)
    for _ in range(10):
        text, prune = some(chance), chance.random() < 0.5
        foreseen.append(refused(house, text, prune=prune, apply=False))
        with monkeypatch.context() as blind:
            blind.setattr(foresight, "lost", nothing)
            assert refused(house, text, prune=prune, apply=True) is foreseen[-1], text
    assert {True, False} <= set(foreseen)


def refused(house: House, text: str, *, prune: bool, apply: bool) -> bool:
    found = document(text)
    try:
        if apply:
            house.call(applying.apply(house.services, found, prune=prune, actor="test"))
        else:
            house.call(applying.plan(house.services, found, prune=prune))
    except Conflict as error:
        return error.code == "last_administrator"
    return False


async def nothing(*_: object, **__: object) -> set[object]:
    return set()


def some(chance: random.Random) -> str:
    names = chance.sample(("admin", "clerk", "reader"), chance.randrange(1, 4))
    lines = ["[roles]"]
    for at, name in enumerate(names):
        lines.append(f"[roles.{name}]")
        lines.append(f"permissions = {chance.sample(PERMISSIONS, chance.randrange(3))}")
        lines.append(f"includes = {chance.sample(names[:at], chance.randrange(at + 1))}")
        if chance.random() < 0.6:
            lines.append(f"holders = [{', '.join(granted(chance, 'user', users(chance)))}]")
    for user in users(chance) if chance.random() < 0.4 else ():
        lines.append(f"[users.'{user}']")
        direct = granted(chance, "permission", chance.sample(PERMISSIONS, chance.randrange(3)))
        lines.append(f"permissions = [{', '.join(direct)}]")
    return "\n".join(lines)


def users(chance: random.Random) -> list[str]:
    return [f"{each}@example.com" for each in chance.sample(NAMES, chance.randrange(4))]


def granted(chance: random.Random, key: str, names: list[str]) -> list[str]:
    return [
        f"{{ {key} = '{each}', expires = 2999-01-01T00:00:00Z }}"
        if chance.random() < 0.3
        else f"'{each}'"
        for each in names
    ]
