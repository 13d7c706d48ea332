"""What the pages of an admin cost: ours beside starlette-admin alone, SQLAdmin and Django's.

    python benchmarks/admin.py [--rows 1000000] [--rounds 15] [--sqlite] [--postgresql]

All show the same nine columns of one table, 25 rows a page, on SQLite and on PostgreSQL. Each is in
a process of its own and is called there without a server, as an ASGI or WSGI app; the CPU time of
that process is counted, with all its threads, PostgreSQL's is not. They are asked in turn, in a new
order each round, so that a machine that slows down slows all; figures are medians, with the wall
time behind the slash.

Ours and Django's resolve a session and its user each time; the other two have no sign-in here. The
deep page is the last or the last but one. A search is for a part of a title, which no index helps
any of them with. Saving writes one changed column; ours and Django's write history as well. An
export is of 50,000 rows as CSV: Django's admin has none, SQLAdmin's is limited and not filtered,
starlette-admin refuses more than 100,000. Ours writes the whole table once more, to show what
memory that takes.
"""

import argparse
import os
import platform
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))

from backoffice.migrations import upgrade
from benchmarks.administration.books import fill
from benchmarks.administration.contestants import DATABASE, contestants
from benchmarks.administration.process import Cost, Process, running
from tests.services.databases import Databases, PostgresDatabases, SQLiteDatabases
from tests.services.postgres import postgres_server

ROWS, ROUNDS, EXPORTS = 1_000_000, 15, 3
CASES = {
    "first": "first page",
    "deep": "deep page",
    "search": "search",
    "edit": "edit: the form",
    "save": "edit: saving it",
}
#: The ruler, and the CPU milliseconds that a list may take at most.
RULER, MOST = "Django", 10.0

#: Case to contestant to its costs.
Figures = dict[str, dict[str, list[Cost]]]


def measured(processes: dict[str, Process], rounds: int) -> Figures:
    """Everything, in turn."""
    figures: Figures = {case: {name: [] for name in processes} for case in (*CASES, "export")}
    for case in CASES:
        for each in processes.values():
            each.cost(case)
    for _ in range(rounds):
        for case in CASES:
            _ask(processes, case, figures)
    for _ in range(EXPORTS):
        _ask(processes, "export", figures)
    return figures


def _ask(processes: dict[str, Process], case: str, figures: Figures) -> None:
    for name in random.sample(list(processes), len(processes)):
        if (found := processes[name].cost(case)) is not None:
            figures[case][name].append(found)


def table(figures: Figures) -> Iterator[str]:
    names = list(figures["first"])
    yield f"{'CPU / wall ms':24}" + "".join(f"{name:>26}" for name in names)
    for case, title in {**CASES, "export": "export of 50,000"}.items():
        own = median(each.cpu for each in figures[case]["ours"])
        yield f"{title:24}" + "".join(_cell(figures[case][name], own) for name in names)
    yield f"{'memory of the export':24}" + "".join(
        f"{_memory(figures['export'][name]):>26}" for name in names
    )


def _cell(costs: list[Cost], own: float) -> str:
    if not costs:
        return f"{'none':>26}"
    cpu, wall = (median(getattr(each, part) for each in costs) for part in ("cpu", "wall"))
    return f"{f'{cpu:,.1f} / {wall:,.1f} ({cpu / own:.1f}x)':>26}"


def _memory(costs: list[Cost]) -> str:
    return f"{max(each.memory for each in costs):,.0f} MB" if costs else "none"


def verdicts(figures: Figures) -> Iterator[str]:
    """Whether a list takes what it may take, at any depth."""
    for case in ("first", "deep"):
        found = median(each.cpu for each in figures[case]["ours"])
        ruler = median(each.cpu for each in figures[case][RULER])
        met = "met" if found <= MOST else "MISSED"
        yield f"{met}: {CASES[case]}: {found:.1f} ms, at most {MOST:.0f}; {RULER}: {ruler:.1f}"


@contextmanager
def databases(kind: str) -> Iterator[Databases]:
    if kind == "PostgreSQL":
        with postgres_server() as server:
            yield PostgresDatabases(server)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield SQLiteDatabases(Path(folder))


def run(kind: str, rows: int, rounds: int) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(stack.enter_context(databases(kind)).empty())
        os.environ |= {DATABASE: url, "BACKOFFICE_SECRET_KEY": "benchmark" * 4}
        upgrade(url)
        fill(url, rows)
        processes = {name: stack.enter_context(running(name, rows)) for name in contestants(rows)}
        figures = measured(processes, rounds)
        print(f"\n{kind}, {rows:,} rows, medians of {rounds} ({EXPORTS} of exports)")
        print(*table(figures), *verdicts(figures), sep="\n")
        if (whole := processes["ours"].cost("whole")) is not None:
            told = f"{whole.cpu / 1000:.1f} s CPU, {whole.size / 1e6:,.0f} MB written"
            print(f"ours, export of all {rows:,}: {told}, {whole.memory:,.0f} MB of memory")


def libraries() -> str:
    names = ("fastapi", "starlette-admin", "sqladmin", "django", "sqlalchemy", "sqlmodel")
    found = (f"{name} {version(name)}" for name in names)
    return ", ".join([f"Python {platform.python_version()}", *found])


def main() -> None:
    parser = argparse.ArgumentParser(description="What the pages of an admin cost.")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--sqlite", action="store_true", help="leave PostgreSQL out")
    parser.add_argument("--postgresql", action="store_true", help="leave SQLite out")
    options = parser.parse_args()
    if options.rounds < 1 or options.rows < 1_000:
        parser.error("count rounds from 1, and rows from 1000")
    print(libraries())
    if not options.postgresql:
        run("SQLite", options.rows, options.rounds)
    if not options.sqlite:
        run("PostgreSQL", options.rows, options.rounds)


if __name__ == "__main__":
    main()
