"""The chapter on roles: what its commands print is what the chapter shows."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.auth.conftest import Command, command, created

__all__ = ["command"]

CHAPTER = (Path(__file__).parents[2] / "docs" / "roles.md").read_text("utf-8")
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def calls(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a block, and what is shown below it."""
    for each in block.removeprefix("$ ").split("\n$ "):
        asked, _, shown = each.partition("\n")
        yield asked, shown.rstrip("\n")


@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
def test_every_command_of_the_chapter_prints_what_is_shown(
    command: Command, tmp_path: Path
) -> None:
    ran = 0
    for block in BLOCK.finditer(CHAPTER):
        if block["kind"] == "python":
            (tmp_path / "main.py").write_text(block["text"])
            for name in ("ann", "bob"):
                created(command, f"{name}@example.com")
        elif block["kind"] == "toml":
            name = block["text"].partition("\n")[0].removeprefix("# ")
            (tmp_path / name).write_text(block["text"])
        elif block["kind"] == "console":
            for asked, shown in calls(block["text"]):
                _, *arguments = shlex.split(asked)
                _, out, err = command(*arguments, as_json=False)
                told = ID.sub("5e0c4f0e-9f0b-4a59-8a0e-0a6f6f5b1c77", (err + out).rstrip("\n"))
                assert told == shown, asked
                ran += 1
    assert ran == CHAPTER.count("\n$ backoffice ") > 8
