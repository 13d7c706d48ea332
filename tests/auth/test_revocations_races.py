"""Several who take things away at once: each is told so only when it holds, and none is in the way
of another."""

import asyncio
import random
import time as times
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from backoffice.auth import last_uses
from backoffice.auth.last_uses import LastUses
from backoffice.auth.models import UserSession
from backoffice.auth.sessions import TOKEN, Client
from backoffice.core import Conflict, NotFound
from tests.auth.conftest import House, built

LAG = 1.0


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for it before the app: its processes trust what they remember for a second."""
    monkeypatch.setenv("BACKOFFICE_AUTH__REVOCATION_LAG", str(LAG))


@pytest.fixture
def other(house: House) -> Iterator[House]:
    with built() as found:
        yield found


def while_the_first_waits(
    house: House, take: Callable[[], Awaitable[Any]], look: Callable[[], int], *, cancel: bool
) -> int:
    """What the other process answers once the second caller was told that it is done."""

    async def both() -> int:
        first = asyncio.ensure_future(take())
        await asyncio.sleep(0.2)
        if cancel:
            first.cancel()
        await take()
        status = await asyncio.to_thread(look)
        await asyncio.gather(first, return_exceptions=True)
        return status

    return house.call(both())


@pytest.mark.parametrize("cancel", [False, True], ids=["waits", "went away"])
@pytest.mark.parametrize("what", ["key", "session", "role"])
def test_the_second_who_takes_it_away_is_told_so_only_when_it_holds(
    slow: None, house: House, other: House, what: str, cancel: bool
) -> None:
    """A double click, a retry, a second administrator: done means done for them as well."""
    user = house.user("ann@example.com", "books:read")
    services, key, token = house.services, house.key(user), house.token()
    [row] = house.call(services.keys.of_user(user.id))
    [session] = house.call(services.sessions.of_user(user.id))
    role = house.call(services.roles.find(house.call(services.roles.of_user(user.id))[0]))
    take: Callable[[], Awaitable[Any]] = {
        "key": lambda: services.keys.revoke(row.id, actor="test"),
        "session": lambda: services.sessions.end(session.id, actor="test", client=Client()),
        "role": lambda: services.roles.change(role.id, permissions=[], actor="test"),
    }[what]
    credential = {"token": token} if what == "session" else {"key": key}
    for _ in range(2):
        assert other.get("/books", **credential).status_code == 200

    def look() -> int:
        return other.get("/books", **credential).status_code

    expected = 403 if what == "role" else 401
    assert while_the_first_waits(house, take, look, cancel=cancel) == expected


@pytest.mark.parametrize("lost", ["", " WHERE number = (SELECT max(number) FROM {0})"])
def test_numbers_that_were_lost_are_noticed(house: House, other: House, lost: str) -> None:
    """As after a restore, or when a standby takes over that had not all of them."""
    user = house.user()
    key = house.key(user)
    for verified in (True, False, True):
        change = house.services.users.change(user.id, {"is_verified": verified}, actor="test")
        house.call(change)
    assert other.get("/who", key=key).status_code == 200

    async def lose() -> None:
        statement = "DELETE FROM {0}" + lost
        async with house.services.database.engine.begin() as connection:
            await connection.execute(text(statement.format("backoffice_revocation")))

    house.call(lose())
    [row] = house.call(house.services.keys.of_user(user.id))
    house.call(house.services.keys.revoke(row.id, actor="test"))
    assert other.get("/who", key=key).status_code == 401


Work = tuple[str, Awaitable[Any]]


class Race:
    """Rounds of works at once, and what became of them."""

    def __init__(self, house: House) -> None:
        self.services = house.services
        self._house = house

    def run(self, make: Callable[[], Awaitable[Sequence[Work]]], rounds: int) -> Counter[str]:
        seen: Counter[str] = Counter()

        async def tried(name: str, work: Awaitable[Any]) -> None:
            try:
                await work
            except (Conflict, NotFound):
                seen[f"{name} refused"] += 1
            except Exception as error:  # noqa: BLE001 - told by the assertion at the end
                seen[f"{name}: {error!r} {error.__cause__!r}"[:200]] += 1
            else:
                seen[f"{name} done"] += 1

        async def all_rounds() -> None:
            for _ in range(rounds):
                await asyncio.gather(*(tried(name, work) for name, work in await make()))

        self._house.call(all_rounds())
        return seen


def unexpected(seen: Counter[str]) -> dict[str, int]:
    return {what: times for what, times in seen.items() if not what.endswith((" done", " refused"))}


class TestRaces:
    """Whatever they do to one account at once, each gets an answer that it can use."""

    @pytest.fixture
    def race(self, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Race:
        monkeypatch.setenv("BACKOFFICE_AUTH__REVOCATION_LAG", "0")
        monkeypatch.setenv("BACKOFFICE_DATABASE_POOL_SIZE", "30")
        return Race(request.getfixturevalue("house"))

    def test_granting_a_role_and_changing_the_address(self, race: Race, house: House) -> None:
        user, services = house.user(), race.services
        house.accounts.role("reader", "books:read")
        numbers = iter(range(1000))

        async def make() -> list[Work]:
            await services.roles.revoke(user.id, "reader", actor="test")
            addresses = [f"ann{next(numbers)}@example.com" for _ in range(3)]
            changes = (
                services.users.change(user.id, {"email": each}, actor="test") for each in addresses
            )
            granting = services.roles.grant(user.id, "reader", actor="test")
            return [("grant", granting), *(("change", each) for each in changes)]

        assert unexpected(race.run(make, 8)) == {}

    def test_revoking_keys_and_deleting_their_owner(self, race: Race, house: House) -> None:
        services, numbers = race.services, iter(range(1000))

        async def make() -> list[Work]:
            email = f"gone{next(numbers)}@example.com"
            user = await services.users.create_service(email, actor="test")
            keys = [(await services.keys.create(user, "k", actor="test"))[0] for _ in range(4)]
            revoking = (services.keys.revoke(each.id, actor="test") for each in keys)
            deleting = services.users.delete(user.id, actor="test")
            return [*(("revoke", each) for each in revoking), ("delete", deleting)]

        assert unexpected(race.run(make, 6)) == {}

    def test_twenty_who_set_the_roles_of_one(self, race: Race, house: House) -> None:
        user, services = house.user(), race.services
        names = "abcdef"
        for name in names:
            house.accounts.role(name, "books:read")
        chance = random.Random(7)

        async def make() -> list[Work]:
            setting = (
                services.users.change(user.id, {}, roles=chance.sample(names, 3), actor="test")
                for _ in range(10)
            )
            one = (
                services.roles.grant(user.id, chance.choice(names), actor="test") for _ in range(5)
            )
            less = (
                services.roles.revoke(user.id, chance.choice(names), actor="test") for _ in range(5)
            )
            return [
                *(("set", each) for each in setting),
                *(("grant", each) for each in one),
                *(("revoke", each) for each in less),
            ]

        assert unexpected(race.run(make, 3)) == {}

    def test_writing_last_uses_and_signing_out_everywhere(self, race: Race, house: House) -> None:
        user, services = house.user(), race.services

        async def make() -> list[Work]:
            rows = [services.sessions.opened(user, TOKEN, Client()) for _ in range(40)]
            async with services.database.session() as session:
                session.add_all(rows)
                await session.commit()
            writers = [LastUses(services.database) for _ in range(3)]
            for writer in writers:
                for row in rows:
                    writer.note(UserSession, row.id, datetime.now(UTC) + timedelta(hours=1))
            flushing = [("flush", each.flush()) for each in writers]
            ending = services.sessions.end_all_of(user.id, actor="test", client=Client())
            return [*flushing, ("end", ending)]

        assert unexpected(race.run(make, 3)) == {}


class TestLastUses:
    """Notes beside the requests, which may fail and harm nobody."""

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(last_uses, "GATHER", 0.02)

    def used(self, house: House, key_of: Any) -> bool:
        """Whether a last use was written within two seconds."""
        for _ in range(100):
            rows = house.call(house.services.keys.of_user(key_of.id))
            if any(row.last_used_at for row in rows):
                return True
            times.sleep(0.02)
        return False

    def test_a_note_that_cannot_be_written_ends_nothing(
        self, house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refused(*_: object) -> None:
            raise ProgrammingError("UPDATE", {}, Exception("permission denied"))

        user = house.user()
        with monkeypatch.context() as patch:
            patch.setattr(last_uses, "_statement", refused)
            assert house.get("/who", key=house.key(user)).status_code == 200
            for _ in range(100):
                if "could not be noted" in caplog.text:
                    break
                times.sleep(0.02)
        assert "could not be noted" in caplog.text
        assert house.get("/who", key=house.key(user)).status_code == 200
        assert self.used(house, user)

    def test_a_flush_by_hand_does_not_stop_the_writer(self, house: House) -> None:
        user = house.user()
        house.call(house.services.last_uses.flush())
        assert house.get("/who", key=house.key(user)).status_code == 200
        assert self.used(house, user)
