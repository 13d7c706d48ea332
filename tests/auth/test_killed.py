"""A process is killed in the middle of what somebody does with their account, at several moments.

Whoever opens the database then finds it as it was before, or as it is afterwards.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.auth import journeys
from tests.auth.conftest import create_tables
from tests.e2e.processes import ROOT

MOMENTS = 3


class Travellers:
    """Has journeys made, each in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._orders, self._answers = process.stdin, process.stdout

    def do(self, **order: Any) -> list[dict[str, Any]]:
        """What the process tells, and at last how it has ended."""
        print(json.dumps(order), file=self._orders, flush=True)
        told = [json.loads(self._answers.readline())]
        while "ended" not in told[-1]:
            told.append(json.loads(self._answers.readline()))
        return told

    def killed(self, journey: str, number: int, moment: int) -> "Traveller":
        """Somebody whose process is killed at that moment."""
        email = f"{journey}{number}@example.com"
        before, ended = self.do(do="travel", journey=journey, email=email, moment=moment)
        assert ended == {"ended": -signal.SIGKILL}
        return Traveller(email, before["id"], before["state"])

    def arrived(self, journey: str) -> tuple["Traveller", list[int]]:
        """Somebody who gets there, and moments at which others may be killed on the way."""
        email = f"{journey}0@example.com"
        before, end, ended = self.do(do="travel", journey=journey, email=email, moment=None)
        assert ended == {"ended": 0}
        took = end["took"]
        some = {took * number // MOMENTS for number in range(1, MOMENTS)}
        return Traveller(email, before["id"], before["state"]), sorted(some | {took - 1})


@dataclass
class Traveller:
    email: str
    id: str | None
    before: journeys.State


@pytest.fixture
def travellers(
    database_from_template: Callable[[str, Callable[[str], None]], str],
) -> Iterator[Travellers]:
    environment = {
        "BACKOFFICE_DATABASE_URL": database_from_template("auth", create_tables),
        "BACKOFFICE_SECRET_KEY": "k" * 32,
        "BACKOFFICE_AUTH__SIGN_IN_LIMIT": "1000/minute",
        "BACKOFFICE_AUTH__PUBLIC_URL": "https://shop.example.org",
        "BACKOFFICE_MAIL__URL": "memory:",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.auth.journeys"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Travellers(process)


def test_whoever_comes_afterwards_finds_it_done_or_not_begun(travellers: Travellers) -> None:
    everybody: dict[str, list[Traveller]] = {}
    for journey in journeys.JOURNEYS:
        first, moments = travellers.arrived(journey)
        numbered = enumerate(moments, 1)
        everybody[journey] = [
            first,
            *(travellers.killed(journey, number, each) for number, each in numbered),
        ]
    known = [(each.email, each.id) for group in everybody.values() for each in group]
    found, ended = travellers.do(do="resume", travellers=known)
    assert (found["faults"], ended) == ([], {"ended": 0})
    states = iter(found["states"])
    for journey, (first, *others) in everybody.items():
        after = next(states)
        assert after != first.before, journey
        for each in others:
            assert next(states) in (each.before, after), (journey, each.email)
