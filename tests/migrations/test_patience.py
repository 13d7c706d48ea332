"""What is blocked is tried again, with pauses that grow, and not for ever."""

from sqlalchemy.exc import OperationalError

from backoffice.migrations.patience import LONGEST_PAUSE, Patience

BLOCKED = OperationalError("UPDATE", {}, Exception("database is locked"))


def patience(seconds: float) -> tuple[Patience, list[float], list[str]]:
    slept: list[float] = []
    told: list[str] = []
    return Patience(seconds, told.append, sleep=slept.append), slept, told


def test_the_pauses_grow_to_the_longest() -> None:
    waiting, slept, told = patience(1000)
    assert all(waiting.again(BLOCKED) for _ in range(12))
    assert slept[0] <= 0.1
    assert max(slept) <= LONGEST_PAUSE
    assert slept[-1] >= LONGEST_PAUSE / 2
    assert told == ["waiting for a lock ... "]


def test_what_no_lock_has_stopped_is_not_tried_again() -> None:
    waiting, slept, told = patience(1000)
    assert not waiting.again(ValueError("no"))
    assert (slept, told) == ([], [])


def test_it_ends() -> None:
    waiting, slept, _ = patience(0)
    assert not waiting.again(BLOCKED)
    assert slept == []


def test_what_comes_after_has_all_the_time_again() -> None:
    waiting, _, told = patience(1000)
    waiting.again(BLOCKED)
    waiting.renew()
    waiting.again(BLOCKED)
    assert len(told) == 2
