"""The columns of a file of accounts, and what the file at hand calls them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backoffice.auth.user_files.faults import Refused
from backoffice.core import InvalidInput

COLUMNS = (
    "email",
    "password_hash",
    "password",
    "is_active",
    "is_verified",
    "is_superuser",
    "roles",
    "created_at",
    "service",
)
#: What a spreadsheet takes for a formula, behind as many apostrophes as were put there.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_HELP = (
    f"There are {', '.join(COLUMNS)}; what the file calls otherwise is said with --map email=Mail, "
    "what is of no use with --ignore NAME"
)


class Columns:
    """How a file's columns are read: `mapped` says what it calls ours, `ignored` what to pass by.

    InvalidInput for a mapping that cannot be.
    """

    def __init__(
        self, mapped: Mapping[str, str] | None = None, ignored: Iterable[str] = ()
    ) -> None:
        self._mapped = dict(mapped or {})
        self._ignored = frozenset(ignored)
        if unknown := self._mapped.keys() - set(COLUMNS):
            raise _unknown(unknown)
        if len({*self._mapped.values()}) != len(self._mapped):
            raise InvalidInput("two columns are mapped to one of the file's")
        unmapped = {each: each for each in COLUMNS if each not in self._mapped}
        self._ours = unmapped | {theirs: ours for ours, theirs in self._mapped.items()}

    def named(self, header: Sequence[str], *, whole: bool = True) -> list[str | None]:
        """Our names of the file's columns, None for one to pass by; InvalidInput for unknown ones.

        With `whole`, the address and each that is mapped must be there.
        """
        known = [None if each in self._ignored else self._ours.get(each) for each in header]
        if whole and (missing := {"email", *self._mapped} - {*known}):
            raise _missing(sorted(self._mapped.get(each, each) for each in missing))
        if unknown := {*header} - self._ours.keys() - self._ignored:
            raise _unknown(unknown)
        found = [each for each in known if each is not None]
        if len(set(found)) != len(found):
            raise InvalidInput("the file has a column twice")
        return known

    def renamed(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """What an object holds, by our names; Refused for an unknown one."""
        known = {}
        for theirs, value in found.items():
            if theirs in self._ignored:
                continue
            if (ours := self._ours.get(theirs)) is None:
                raise Refused("unknown_column")
            known[ours] = value
        return known

    def spelt(self) -> str:
        """All of it in one spelling."""
        return repr((sorted(self._mapped.items()), sorted(self._ignored)))


def guarded(cell: str) -> str:
    """The cell as no spreadsheet takes it for a formula: with an apostrophe before it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell as it was before it was guarded."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _missing(names: Iterable[str]) -> InvalidInput:
    # What is there is not repeated: without a header that is somebody's address and hash.
    return InvalidInput(
        f"the file's first line names no column {', '.join(names)}. {_HELP}", code="missing_column"
    )


def _unknown(names: Iterable[str]) -> InvalidInput:
    told = ", ".join(sorted(repr(each[:40]) for each in names)[:20])
    return InvalidInput(f"unknown columns: {told}. {_HELP}", code="unknown_column")
