"""Wrong passwords take alike long, whatever hash an account was brought with."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from backoffice.auth.password_costs import Kind
from backoffice.auth.password_hashes import Run
from backoffice.auth.password_pace import LONGEST, PasswordPace
from backoffice.auth.passwords import Passwords

pytestmark = pytest.mark.costly_passwords

QUICK, SLOW = Kind("argon2", (47_104, 1, 1)), Kind("bcrypt", (12,))


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    found = Passwords(at_once=1)
    yield found
    found.close()


def test_where_all_are_of_a_kind_nobody_waits() -> None:
    pace = PasswordPace()
    pace.note(Run(QUICK, 1, 0.04))
    assert pace.behind(Run(QUICK, 1, 0.08)) == 0


def test_the_quicker_kind_waits_for_as_long_as_the_slower_takes_longer() -> None:
    pace = PasswordPace()
    pace.note(Run(QUICK, 1, 0.05))
    pace.note(Run(SLOW, 1, 0.2))
    assert pace.behind(Run(QUICK, 1, 0.05)) == pytest.approx(0.15)
    assert pace.behind(Run(QUICK, 2, 0.1)) == pytest.approx(0.3)
    assert pace.behind(Run(SLOW, 1, 0.2)) == 0


def test_one_slow_moment_is_soon_forgotten_and_never_waited_for_long() -> None:
    pace = PasswordPace()
    pace.note(Run(QUICK, 1, 0.05))
    pace.note(Run(SLOW, 1, 60.0))
    assert pace.behind(Run(QUICK, 1, 0.05)) == LONGEST
    for _ in range(100):
        pace.note(Run(SLOW, 1, 0.2))
    assert pace.behind(Run(QUICK, 1, 0.05)) == pytest.approx(0.15, abs=0.01)


def test_what_is_hashed_for_nobody_counts_for_nothing() -> None:
    pace = PasswordPace()
    pace.note(Run(QUICK, 0, 0.0))
    pace.note(Run(SLOW, 1, 0.2))
    assert pace.behind(Run(QUICK, 0, 0.0)) == 0


@pytest.mark.anyio
async def test_a_stranger_is_answered_as_late_as_whoever_came_from_django(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hashes are real; how long they took here is what the pace was told."""
    runs: list[Run] = []
    waited: list[float] = []
    sleep, note = asyncio.sleep, passwords._pace.note

    def noted(run: Run) -> None:
        runs.append(run)
        note(run)

    async def slept(seconds: float) -> None:
        waited.append(seconds)
        await sleep(0)

    monkeypatch.setattr(passwords._pace, "note", noted)
    monkeypatch.setattr(asyncio, "sleep", slept)
    for stored in (PBKDF2PasswordHasher().encode("a password", "salt", 1_500_000), None):
        assert await passwords.verified("a guess", stored) == (False, None)
    django, decoy = (each.seconds for each in runs)
    assert runs[0].kind != runs[1].kind
    assert waited == [0, pytest.approx(min(max(django - decoy, 0), LONGEST))]
