"""What lint has to say of a migration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Level = Literal["error", "warning", "note"]

#: From the mildest to the gravest.
LEVELS: tuple[Level, ...] = ("note", "warning", "error")


@dataclass(frozen=True, order=True)
class Where:
    """The place of a finding: lines count from 1, `operation` is what is called on `op`."""

    file: Path
    line: int
    revision: str = ""
    operation: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that may hurt.

    `id` never changes its meaning (`BM101`). `message` says what happens, `why` what that does to
    an app that is running, `safe` what to do instead. `fixable` says that `lint --fix` knows how.
    `waived` is the reason of the comment that allows it, where there is one.
    """

    id: str
    level: Level
    where: Where
    message: str
    why: str
    safe: str
    fixable: bool = False
    waived: str | None = None


def gravest(findings: list[Finding]) -> Level | None:
    """The gravest level among those that are not waived."""
    levels = [each.level for each in findings if each.waived is None]
    return max(levels, key=LEVELS.index) if levels else None
