"""Wrong passwords take alike long, whatever hash an account was brought with."""

import statistics
import time
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
    passwords: Passwords,
) -> None:
    brought = PBKDF2PasswordHasher().encode("a password", "salt", 1_500_000)
    times: dict[str | None, list[float]] = {brought: [], None: []}
    for stored in (brought, None) * 8:
        started = time.perf_counter()
        assert await passwords.verified("a guess", stored) == (False, None)
        times[stored].append(time.perf_counter() - started)
    # Without the pace 45 against 300 ms and more: 0.15. Wide, for a machine with other work.
    ratio = statistics.median(times[None][1:]) / statistics.median(times[brought][1:])
    assert 0.4 < ratio < 2.5
