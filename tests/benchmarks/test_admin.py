"""The benchmark of admins still runs, with every contestant of it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_short_round_shows_what_each_admin_costs() -> None:
    """Every page is still where it is asked for, and answers what it should."""
    done = subprocess.run(
        [sys.executable, "benchmarks/admin.py", "--rows", "1000", "--rounds", "1", "--sqlite"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for each in ("ours", "starlette-admin", "SQLAdmin", "Django", "deep page", "export of all"):
        assert each in done.stdout
