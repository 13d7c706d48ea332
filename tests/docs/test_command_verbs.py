"""docs/command.md names every verb of the command, and no other."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from backoffice.core import command
from backoffice.core.command import application

CHAPTER = (Path(__file__).parents[2] / "docs" / "command.md").read_text("utf-8")
COMMAND: Any = typer.main.get_command(application([]))


def verbs(command: Any, *path: str) -> list[str]:
    """Every verb, as it is typed."""
    below = getattr(command, "commands", {})
    found = [each for name, verb in below.items() for each in verbs(verb, *path, name)]
    return found or [" ".join(path)]


VERBS = verbs(COMMAND)


def documented() -> set[str]:
    """What the tables of verbs are about: code in the first column."""
    tables = CHAPTER.partition("## Accounts")[2].partition("## Verbs of your own")[0]
    rows = re.findall(r"^\| (`.*?`) \|", tables, re.MULTILINE)
    typed = [each for row in rows for each in re.findall(r"`([^`]+)`", row)]
    return {
        next((verb for verb in VERBS if f"{each} ".startswith(f"{verb} ")), each) for each in typed
    }


def test_every_verb_has_its_place() -> None:
    assert documented() == set(VERBS)


@pytest.mark.parametrize("option", [name for each in COMMAND.params for name in each.opts])
def test_every_option_of_all_verbs_is_told(option: str) -> None:
    assert f"`{option}" in CHAPTER


@pytest.mark.parametrize(
    "code", [int(each) for each in re.findall(r"^\| (\d+) \|", CHAPTER, re.MULTILINE)]
)
def test_the_frame_says_the_same_of_exit_codes(code: int) -> None:
    assert re.search(rf"\b{code}\b", command.__doc__ or "")
