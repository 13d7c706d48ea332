"""A key that several ask for at one moment is one key."""

import asyncio
from typing import Any

from backoffice.auth import User
from backoffice.auth.api_keys import ApiKeys
from tests.auth.conftest import House

MANY = 6


async def ensured(keys: ApiKeys, owner: User) -> list[Any]:
    asked = (keys.ensure(owner, "ci", actor="test") for _ in range(MANY))
    return await asyncio.gather(*asked)


def test_of_many_who_ensure_a_key_at_once_one_makes_it(house: House) -> None:
    owner, keys = house.user(), house.services.keys
    found = house.call(ensured(keys, owner))
    assert len({key.id for key, _ in found}) == 1
    assert sum(text is not None for _, text in found) == 1
    assert len(house.call(keys.of_user(owner.id))) == 1


def test_what_is_ensured_is_the_successor_of_a_key_that_was_rotated(house: House) -> None:
    owner, keys = house.user(), house.services.keys
    old, _ = house.call(keys.ensure(owner, " ci ", actor="test"))
    _, successor, _ = house.call(
        keys.rotate(old.id, overlap=house.services.settings.key_overlap, actor="test")
    )
    found, text = house.call(keys.ensure(owner, "ci", actor="test"))
    assert (found.id, text) == (successor.id, None)
