"""docs/doctor.md has a row for each finding of the packages, and for no other."""

import ast
import re
from importlib.metadata import entry_points
from pathlib import Path

from backoffice.core.advisories import REVIEWED
from backoffice.core.checks import ENTRY_POINTS

ROOT = Path(__file__).parents[2]
CHAPTER = (ROOT / "docs" / "doctor.md").read_text("utf-8")
OURS = ("admin", "auth", "core", "mail", "migrations", "ratelimit")
ID = re.compile(rf"(?:{'|'.join(OURS)})\.[a-z][a-z-]*")
LEVELS = {"warning", "error"}


def modules() -> list[Path]:
    """Where the packages look for findings."""
    names = {entry.module for entry in entry_points(group=ENTRY_POINTS)}
    ours = sorted(each for each in names if each.startswith("backoffice."))
    return [next(ROOT.glob(f"packages/*/src/{each.replace('.', '/')}.py")) for each in ours]


def written(file: Path) -> set[str]:
    """Each string of a module that is an id."""
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    texts = (each.value for each in nodes if isinstance(each, ast.Constant))
    return {each for each in texts if isinstance(each, str) and ID.fullmatch(each)}


def rows() -> list[list[str]]:
    table = CHAPTER.partition("## Findings")[2].partition("## Security")[0]
    found = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in found]


def test_every_finding_has_a_row_and_every_row_a_finding() -> None:
    ids = set().union(*map(written, modules()))
    assert {row[0].strip("`") for row in rows()} == ids
    assert len(ids) > 30


def test_each_row_says_how_bad_it_is_what_is_wrong_and_what_to_do() -> None:
    for row in rows():
        assert len(row) == 4, row
        assert set(row[1].split(", ")) <= LEVELS, row
        assert all(row), row
    assert rows() == sorted(rows())


def test_the_date_of_the_versions_is_that_of_the_table() -> None:
    assert f"reviewed on {REVIEWED}" in CHAPTER
