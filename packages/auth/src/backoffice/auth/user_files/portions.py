"""A file as portions: so many lines as are written in one transaction."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from backoffice.auth.user_files.faults import Fault, Refused
from backoffice.auth.user_files.records import Record, records
from backoffice.auth.user_files.rows import Row, address_in, row_of
from backoffice.auth.user_files.seen import Seen
from backoffice.auth.user_files.sources import Lines, Source
from backoffice.auth.user_files.terms import Terms

#: Lines that are written at a time; fewer where passwords are hashed, or many roles granted.
LINES, PASSWORDS, GRANTS = 1000, 100, 4000


@dataclass
class Portion:
    """Lines that come one after the other, the last of which is `line`."""

    line: int = 0
    rows: list[Row] = field(default_factory=list)
    refused: list[tuple[int, Fault]] = field(default_factory=list)

    def refuse(self, refused: list[tuple[int, Fault]]) -> None:
        """These lines are refused, as has come out by now."""
        lines = {line for line, _ in refused}
        self.rows = [each for each in self.rows if each.line not in lines]
        self.refused += refused

    def drop(self, through: int) -> None:
        """The lines through that one are done by somebody else."""
        self.rows = [each for each in self.rows if each.line > through]
        self.refused = [each for each in self.refused if each[0] > through]


def portions(
    source: Source, terms: Terms, seen: Seen, now: datetime, after: int
) -> Iterator[Portion]:
    """The portions of a file; of lines through `after`, which are done, the addresses alone.

    InvalidInput where its columns are none that we know, Conflict where it was changed since it
    was measured.
    """
    lines = Lines(source.opened())
    portion, passwords, grants, count = Portion(), 0, 0, 0
    for record in records(lines, terms.format, terms.columns):
        portion.line, count = record[0], count + 1
        found = _judged(record, seen, now, done=record[0] <= after)
        if isinstance(found, Fault):
            portion.refused.append((record[0], found))
        elif found is not None:
            portion.rows.append(found)
            passwords += found.password is not None
            grants += len(found.roles or ())
        if count >= LINES or passwords >= PASSWORDS or grants >= GRANTS:
            yield portion
            portion, passwords, grants, count = Portion(), 0, 0, 0
    lines.check(source.digest)
    if count:
        yield portion


def _judged(record: Record, seen: Seen, now: datetime, *, done: bool) -> Row | Fault | None:
    """The line's account, or why it is refused; None where that is known since before."""
    line, values = record
    if isinstance(values, Fault):
        return None if done else values
    try:
        email = address_in(values)
        is_new = seen.is_new(email)
        if done:
            return None
        return row_of(line, email, values, now) if is_new else Fault("duplicate_line")
    except Refused as refused:
        return None if done else refused.fault
