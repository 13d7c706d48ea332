"""The benchmark of rate limits still runs, with every contestant of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.limiting import apps, checks

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("part", "names"), [("--checks", checks.CONTESTANTS), ("--http", apps.CONTESTANTS)]
)
def test_a_short_round_shows_every_contestant(part: str, names: dict[str, object]) -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/ratelimit.py", "--quick", part],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shown = [line for line in done.stdout.splitlines() if line.startswith(tuple(names))]
    assert len(shown) == len(names)
