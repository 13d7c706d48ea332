"""What is kept beside an adopted table holds as well when several act at once."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from backoffice.auth.sessions import Client
from backoffice.auth.testing import PASSWORD
from backoffice.core import BackofficeError
from tests.adopted.test_user_models import Made, app, members  # noqa: F401


async def at_once(*work: Awaitable[Any]) -> list[Any]:
    return await asyncio.gather(*work, return_exceptions=True)


def test_of_superusers_who_are_demoted_at_once_one_stays(app: Made) -> None:  # noqa: F811
    running = app(members())
    users = running.services.users
    made = [running.accounts.user(f"u{n}@example.com", superuser=True) for n in range(6)]
    work = [users.change(each.id, {"is_superuser": False}, actor="test") for each in made]
    done = running.call(at_once(*work))
    assert running.call(users.superusers()) == 1
    assert sum(isinstance(each, Exception) for each in done) == 1


def test_an_address_that_many_register_at_once_is_one_user(app: Made) -> None:  # noqa: F811
    running = app(members())
    spellings = ["eve@example.com"] * 8
    work = [running.services.users.create(each, PASSWORD, actor="test") for each in spellings]
    done = running.call(at_once(*work))
    assert sum(not isinstance(each, Exception) for each in done) == 1
    assert len(running.call(running.services.users.all())) == 1


def test_what_is_kept_beside_is_made_once(app: Made) -> None:  # noqa: F811
    running = app(members())
    bob = running.accounts.user("bob@example.com")
    users = running.services.users
    work = [users.change(bob.id, {"is_verified": n % 2 == 0}, actor="test") for n in range(6)]
    done = running.call(at_once(*work))
    assert not [each for each in done if isinstance(each, Exception)]


def test_of_superusers_who_leave_at_once_one_stays(app: Made) -> None:  # noqa: F811
    running = app(members())
    users = running.services.users
    made = [running.accounts.user(f"u{n}@example.com", superuser=True) for n in range(6)]
    done = running.call(at_once(*(users.leave(each.id, PASSWORD, Client()) for each in made)))
    assert [each.code for each in done if isinstance(each, BackofficeError)] == ["last_superuser"]
    assert running.call(users.superusers()) == 1
