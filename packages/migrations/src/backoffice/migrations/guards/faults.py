"""What a check of the migrations finds."""

from dataclasses import dataclass
from typing import Literal

#: In the order in which they are made.
CHECKS: tuple["Check", ...] = ("heads", "packages", "pending", "stairway", "models", "drift")
Check = Literal["heads", "packages", "pending", "stairway", "models", "drift"]
#: Those that run the history in a temporary database.
REHEARSED: tuple[Check, ...] = ("stairway", "models")


@dataclass(frozen=True)
class Fault:
    """One thing that is not right, the revision that it is about, and what to do.

    `state` is that of a `Standing`, where it is a database that stands wrongly. A `note` is told,
    and is no fault.
    """

    check: Check
    message: str
    fix: str = ""
    revision: str = ""
    state: str = ""
    note: bool = False

    def __str__(self) -> str:
        about = f" {self.revision}:" if self.revision else ""
        fix = f"; {self.fix}" if self.fix else ""
        return f"{self.check}:{about} {self.message}{fix}"
