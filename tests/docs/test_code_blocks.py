"""Every Python block of the documentation runs, in the order in which it is read."""

from pathlib import Path

import pytest

from tests.auth.conftest import create_tables
from tests.services.nursery import python

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted(
    path
    for path in [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/README.md")]
    if "```python" in path.read_text("utf-8")
)


def program(markdown: str) -> str:
    """The Python blocks alone, each on the lines on which it stands in the chapter."""
    lines: list[str] = []
    inside = False
    for line in markdown.splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            lines.append("")
        else:
            lines.append(line if inside else "")
    return "\n".join(lines) + "\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a reader has set: a secret, and a database that is migrated."""
    url = f"sqlite:///{tmp_path}/docs.db"
    create_tables(url)
    return {
        "PATH": "/usr/bin:/bin",
        "BACKOFFICE_DATABASE_URL": url,
        "BACKOFFICE_SECRET_KEY": "docs" * 8,
    }


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_blocks_of_a_chapter_run(
    chapter: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    file = tmp_path / f"{chapter.parent.name}_{chapter.stem}.py"
    file.write_text(program(chapter.read_text("utf-8")), "utf-8")
    done = python(["-W", "error", file], folder=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
