"""What whoever makes a revision says of it: what was renamed, and what rows get."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from backoffice.core.errors import InvalidInput

#: Asks whether one thing became another; None where nobody is there to answer.
Ask = Callable[[str], bool | None]

_CONSTANT = re.compile(r"'(?:[^']|'')*'|[+-]?\d+(\.\d+)?|true|false", re.IGNORECASE)


def nobody(_: str) -> None:
    """Answers nothing."""


@dataclass(frozen=True)
class Rename:
    """One thing that goes by another name now; `within` is the table or the enum that it is of."""

    old: str
    new: str
    within: str | None = None

    @property
    def typed(self) -> str:
        """As it is given to --rename."""
        return f"{self.within}.{self.old}:{self.new}" if self.within else f"{self.old}:{self.new}"


@dataclass
class Wishes:
    """What was said, and whom to ask about the rest."""

    renames: Sequence[Rename] = ()
    #: SQL by table and column.
    backfills: dict[tuple[str | None, str], str] = field(default_factory=dict)
    #: Whether what may have been renamed is to be asked about at all.
    guess: bool = True
    ask: Ask = nobody
    heeded: set[str] = field(default_factory=set)

    def renamed(self, within: str | None, old: str, new: str) -> bool:
        """Whether this was said to be a rename."""
        for each in self.renames:
            if (each.old, each.new) == (old, new) and each.within in (within, None):
                self.heeded.add(each.typed)
                return True
        return False

    def new_name(self, within: str, old: str) -> str | None:
        """What this was said to have become."""
        for each in self.renames:
            if (each.within, each.old) == (within, old):
                self.heeded.add(each.typed)
                return each.new
        return None

    def backfill(self, table: str, column: str) -> str | None:
        """The SQL that rows get for this column, where it was said."""
        for key in ((table, column), (None, column)):
            if key in self.backfills:
                self.heeded.add(_typed(key))
                return self.backfills[key]
        return None

    def check_heeded(self) -> None:
        """InvalidInput for what was said and fits nothing: it may have been mistyped."""
        said = [each.typed for each in self.renames] + [_typed(key) for key in self.backfills]
        if idle := [each for each in said if each not in self.heeded]:
            raise InvalidInput(
                f"{', '.join(idle)}: nothing that this revision changes is called so. --rename "
                "takes old:new of a table, table.old:new of a column and type.old:new of a value; "
                "--backfill takes table.column=SQL"
            )


def renames(given: Sequence[str]) -> list[Rename]:
    """What --rename was given; InvalidInput for what is not `old:new` or `table.old:new`."""
    return [_rename(each) for each in given]


def backfills(given: Sequence[str]) -> dict[tuple[str | None, str], str]:
    """What --backfill was given; InvalidInput for what is not `table.column=SQL`."""
    return dict(map(_backfill, given))


def constant(expression: str) -> bool:
    """Whether SQL is one value, the same for every row: then no row has to be rewritten."""
    return _CONSTANT.fullmatch(expression.strip()) is not None


def _rename(text: str) -> Rename:
    left, colon, new = text.partition(":")
    within, _, old = left.rpartition(".")
    # The table may be said on both sides: book.titel:book.title.
    new = new.removeprefix(f"{within}.") if within else new
    if not (colon and old and new) or ":" in new:
        raise InvalidInput(f"--rename takes old:new, or table.old:new for a column, not {text!r}")
    return Rename(old, new, within or None)


def _backfill(text: str) -> tuple[tuple[str | None, str], str]:
    left, equals, expression = text.partition("=")
    table, _, column = left.strip().rpartition(".")
    if not (equals and column and expression.strip()):
        raise InvalidInput(f"--backfill takes table.column=SQL, not {text!r}")
    return (table or None, column), expression.strip()


def _typed(key: tuple[str | None, str]) -> str:
    return ".".join(filter(None, key))
