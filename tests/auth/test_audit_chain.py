"""The audit log's chain: whoever changes the table by hand is found out."""

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import text
from sqlmodel import select

from backoffice.auth.audit_chain import TOGETHER, Chain, Verified
from backoffice.auth.events import AuditPruned, AuthEvent, UserChanged, UserCreated
from backoffice.auth.models import AuditEntry
from backoffice.core.testing import ManualClock
from tests.auth.conftest import Command, House, created

OLDER = (
    "INSERT INTO backoffice_audit (id, at, event, actor, subject, address, data) "
    "VALUES (:id, '2020-01-01', 'auth.signed_in', '', 'user:1', '', '{}')"
)


@dataclass(frozen=True, kw_only=True)
class Counted(AuthEvent):
    """Something that an app counts by numbers."""

    name: ClassVar[str] = "test.counted"
    counts: dict[int, float]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many at once wait for each other, on a busy machine for longer."""
    monkeypatch.setenv("BACKOFFICE_DATABASE_TIMEOUT", "60")


def look(house: House) -> Verified:
    return house.call(house.services.audit.verified())


def run(house: House, statement: str, **values: Any) -> None:
    async def by_hand() -> None:
        async with house.services.database.session() as session:
            await (await session.connection()).execute(text(statement), values)
            await session.commit()

    house.call(by_hand())


def busy(house: House) -> None:
    """Let a few things happen."""
    for number in range(4):
        house.user(f"u{number}@example.com")
    house.login("u1@example.com")
    house.login("u1@example.com", "wrong password")


def test_what_happens_is_numbered_without_a_gap_and_fits(house: House) -> None:
    busy(house)
    found = look(house)
    assert found.faults == []
    assert (found.first, found.last, found.unchained) == (1, found.entries, 0)
    assert found.entries >= 6


def test_a_refusal_says_so(house: House) -> None:
    busy(house)
    newest = house.call(house.services.audit.entries(event="auth.sign_in_failed"))[0]
    assert (newest.outcome, newest.number) == ("failure", look(house).last)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE backoffice_audit SET actor = 'cli:mallory' WHERE number = 3", "entry 3 is not"),
        ("UPDATE backoffice_audit SET outcome = 'success' WHERE number = 6", "entry 6 is not"),
        ("UPDATE backoffice_audit SET data = '{}' WHERE number = 5", "entry 5 is not"),
        ("DELETE FROM backoffice_audit WHERE number = 2", "entries 2 to 2 are missing"),
        ("DELETE FROM backoffice_audit WHERE number <= 2", "entries before 3 are missing"),
        ("DELETE FROM backoffice_audit WHERE number = 6", "ends at 5 and should at 6"),
        ("DELETE FROM backoffice_audit WHERE number > 0", "ends at 0 and should at 6"),
        (
            "UPDATE backoffice_audit SET digest = "
            "(SELECT digest FROM backoffice_audit WHERE number = 1) WHERE number = 2",
            "entry 2 is not",
        ),
        ("UPDATE backoffice_audit_head SET number = 7", "should at 7"),
    ],
)
def test_tampering_shows(house: House, statement: str, fault: str) -> None:
    busy(house)
    run(house, statement)
    assert any(fault in each for each in look(house).faults)


def test_cutting_off_the_end_shows_though_the_head_is_moved_as_well(house: House) -> None:
    busy(house)
    run(house, "DELETE FROM backoffice_audit WHERE number = 6")
    run(
        house,
        "UPDATE backoffice_audit_head SET number = 5, "
        "digest = (SELECT digest FROM backoffice_audit WHERE number = 5)",
    )
    assert look(house).faults == ["the end of the chain is not as it was written"]


def test_whoever_lacks_the_secret_cannot_make_an_entry_that_fits(house: House) -> None:
    busy(house)

    async def forge() -> None:
        forger = Chain([b"x" * 32])
        async with house.services.database.session() as session:
            entry = (await session.exec(select(AuditEntry).where(AuditEntry.number == 6))).one()
            before = (await session.exec(select(AuditEntry).where(AuditEntry.number == 5))).one()
            entry.actor = "cli:mallory"
            entry.digest = forger._digest(forger._keys[0], before.digest, entry)
            await session.commit()

    house.call(forge())
    assert look(house).faults[0] == "entry 6 is not as it was written"


def test_what_is_rolled_back_leaves_no_gap(house: House) -> None:
    busy(house)
    before = look(house).last

    async def refused(event: Any, session: Any) -> None:
        raise RuntimeError

    house.services.events.within(UserCreated)(refused)
    with pytest.raises(RuntimeError):
        house.user("late@example.com")
    house.login("u2@example.com")
    assert (look(house).faults, look(house).last) == ([], before + 1)


def test_forty_at_once_make_one_chain(house: House) -> None:
    user, roles = house.user(), house.services.roles
    before = look(house).last

    async def many() -> None:
        new = (roles.create(f"role {number}", [], actor="test") for number in range(20))
        keys = (
            house.services.keys.create(user, f"key {number}", actor="test") for number in range(20)
        )
        await asyncio.gather(*new, *keys)

    house.call(many())
    assert (look(house).faults, look(house).last) == ([], before + 40)


def test_it_is_whole_for_whoever_looks_while_others_write(house: House) -> None:
    async def together() -> list[str]:
        faults, writing = [], asyncio.create_task(write())
        while not writing.done():
            faults += (await house.services.audit.verified()).faults
        return faults

    async def write() -> None:
        for number in range(40):
            await house.services.roles.create(f"role {number}", [], actor="test")

    assert house.call(together()) == []


def test_what_is_written_beside_the_chain_shows(house: House) -> None:
    busy(house)
    run(house, OLDER, id="0" * 32)
    assert look(house).faults == ["1 entries have no place in the chain"]


def test_entries_that_are_older_than_the_chain_are_counted(house: House) -> None:
    run(house, OLDER, id="0" * 32)
    busy(house)
    found = look(house)
    assert (found.faults, found.unchained, found.entries) == ([], 1, 6)


def test_a_second_end_of_the_chain_shortens_nothing(house: House) -> None:
    busy(house)
    run(house, "INSERT INTO backoffice_audit_head VALUES (2, 1, '', '')")
    house.user("late@example.com")
    assert (look(house).faults, look(house).last) == ([], 7)


def test_what_an_app_logs_of_its_own_fits_as_it_is_read_back(house: House) -> None:
    async def emit() -> None:
        async with house.services.database.session() as session:
            await house.services.events.emit(Counted(counts={10: 1, 9: 2.0}), session)
            await session.commit()

    house.call(emit())
    assert look(house).faults == []


def test_a_commit_that_failed_and_is_tried_again_is_chained(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = house.services.audit._chain
    append = chain.append

    def fail(*_: Any) -> None:
        monkeypatch.setattr(chain, "append", append)
        raise TimeoutError

    async def emit() -> None:
        async with house.services.database.session() as session:
            await house.services.events.emit(_event(1), session)
            monkeypatch.setattr(chain, "append", fail)
            with pytest.raises(TimeoutError):
                await session.commit()
            await session.commit()

    house.call(emit())
    assert (look(house).faults, look(house).entries) == ([], 1)


def test_a_long_chain_is_gone_through_in_parts(house: House) -> None:
    async def fill() -> None:
        async with house.services.database.session() as session:
            for number in range(TOGETHER + 5):
                await house.services.events.emit(_event(number), session)
            await session.commit()

    house.call(fill())
    assert (look(house).faults, look(house).entries) == ([], TOGETHER + 5)


def _event(number: int) -> Any:
    return UserChanged(actor="cli:test", subject=f"user:{number}", fields=("a", "b"))


class TestPruning:
    def test_what_is_old_goes_and_the_rest_stays_whole(
        self, time: ManualClock, house: House
    ) -> None:
        busy(house)
        time.advance(timedelta(days=500))
        house.user("new@example.com")
        assert house.call(self.pruned(house)) == 6
        found = look(house)
        assert (found.faults, found.first, found.last) == ([], 7, 8)
        time.advance(timedelta(days=500))
        assert house.call(self.pruned(house)) == 2
        assert (look(house).faults, look(house).first) == ([], 9)

    def test_nothing_old_prunes_nothing(self, house: House) -> None:
        busy(house)
        assert house.call(self.pruned(house)) == 0
        assert look(house).last == 6

    def test_of_two_at_once_the_one_that_goes_less_far_spoils_nothing(
        self, time: ManualClock, house: House
    ) -> None:
        busy(house)
        time.advance(timedelta(days=500))
        house.user("new@example.com")
        house.call(self.pruned(house))

        async def told_late() -> None:
            async with house.services.database.session() as session:
                late = AuditPruned(subject="audit", through=3, digest="0" * 64)
                await house.services.events.emit(late, session)
                await session.commit()

        house.call(told_late())
        assert look(house).faults == []

    def test_what_is_older_than_the_chain_goes_first(self, time: ManualClock, house: House) -> None:
        run(house, OLDER, id="0" * 32)
        busy(house)
        assert house.call(self.pruned(house)) == 1
        assert (look(house).faults, look(house).unchained) == ([], 0)
        time.advance(timedelta(days=500))
        assert house.call(self.pruned(house)) == 7
        assert look(house).faults == []

    def test_pruning_by_hand_shows(self, time: ManualClock, house: House) -> None:
        busy(house)
        time.advance(timedelta(days=500))
        house.user("new@example.com")
        house.call(self.pruned(house))
        run(house, "DELETE FROM backoffice_audit WHERE number = 7")
        assert look(house).faults[0] == "the entries before 8 are missing"

    @staticmethod
    def pruned(house: House) -> Awaitable[int]:
        return house.services.audit.prune(timedelta(days=400), actor="cli:test")


def test_the_command_lists_and_verifies(command: Command) -> None:
    created(command)
    rows = command("audit", "list")[1]
    assert [(row["number"], row["event"]) for row in rows] == [(1, "auth.user_created")]
    code, answer, _ = command("audit", "verify")
    assert (code, answer["entries"], answer["faults"]) == (0, 1, [])
    expected = f"1:{answer['digest']}"
    assert command("audit", "verify", "--expect", expected)[0] == 0
    code, _, err = command("audit", "verify", "--expect", f"1:{'0' * 64}")
    assert (code, json.loads(err)["error"]["code"]) == (1, "audit_log_broken")
    assert command("audit", "verify", "--expect", "x")[0] == 2
    assert command("audit", "prune", "--older-than", "400d")[0] == 2
    assert command("audit", "prune", "--older-than", "400d", "--yes")[1] == {"deleted": 0}
    assert command("audit", "prune", "--older-than", "never")[0] == 2
