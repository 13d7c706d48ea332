"""The rows of the journal: one for each statement of a revision that is half done."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, inspect

TABLE = "backoffice_migration_journal"


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement that is done, and what it counted; `verb` is its first word."""

    digest: str
    verb: str
    rows: int = -1


class Entries:
    """What is written down of one revision after the other, on their own connection.

    It asks beneath SQLAlchemy: within the events of a statement, and in whatever transaction is
    open there.
    """

    def __init__(self, connection: Connection) -> None:
        self.revision = ""
        self.done: list[Entry] = []
        self._connection = connection
        self._exists: bool | None = None

    def read(self, revision: str) -> None:
        """Have in `done` what an earlier run of the revision has committed."""
        self.revision, self.done = revision, []
        if self._exists is None:
            self._exists = inspect(self._connection).has_table(TABLE)
        if self._exists:
            found = self.rows(
                f"SELECT digest, verb, counted FROM {TABLE} "  # noqa: S608
                f"WHERE revision = {literal(revision)} ORDER BY place"
            )
            self.done = [Entry(*row) for row in found]

    def keep(self, entries: Sequence[Entry]) -> None:
        """Write rows, in the transaction that is open, or each by itself."""
        self.write(
            f"CREATE TABLE IF NOT EXISTS {TABLE} (revision VARCHAR(160) NOT NULL, "
            "place INTEGER NOT NULL, digest VARCHAR(32) NOT NULL, verb VARCHAR(32) NOT NULL, "
            "counted BIGINT NOT NULL, PRIMARY KEY (revision, place))"
        )
        for each in entries:
            self.done.append(each)
            row = (self.revision, len(self.done), each.digest, each.verb, each.rows)
            values = ", ".join(map(literal, row))
            self.write(f"INSERT INTO {TABLE} VALUES ({values})")  # noqa: S608
        self._exists = True

    def strike(self, entry: Entry) -> None:
        """Remove the last row that was kept, of what has not been done after all."""
        if self.done and self.done[-1] == entry:
            place = len(self.done)
            self.write(
                f"DELETE FROM {TABLE} "  # noqa: S608
                f"WHERE revision = {literal(self.revision)} AND place = {place}"
            )
            self.done.pop()

    def take_back(self, count: int) -> None:
        """What was kept since there were so many was not committed, nor was the table perhaps."""
        del self.done[count:]
        self._exists = None

    def clear(self) -> None:
        """Forget the revision, and take the table away with the last one."""
        if self.done:
            self.write(f"DELETE FROM {TABLE} WHERE revision = {literal(self.revision)}")  # noqa: S608
            if not self.rows(f"SELECT 1 FROM {TABLE} LIMIT 1"):  # noqa: S608
                self.write(f"DROP TABLE {TABLE}")
                self._exists = False
        self.done = []

    def write(self, statement: str) -> None:
        """Execute a statement."""
        cursor = self._connection.connection.cursor()
        try:
            cursor.execute(statement)
        finally:
            cursor.close()

    def rows(self, statement: str) -> list[Any]:
        """The rows that a statement gives."""
        cursor = self._connection.connection.cursor()
        try:
            cursor.execute(statement)
            return list(cursor.fetchall())
        finally:
            cursor.close()


# Any: one set of values, or a list of them, in the manner of the driver.
def digested(statement: str, values: Any) -> str:
    """What a statement is known by: its text and its values."""
    digest = sha256(statement.encode())
    for each in values if isinstance(values, list) else (values,):
        digest.update(f"\0{each!r}".encode())
    return digest.hexdigest()[:32]


def literal(value: object) -> str:
    """A text or a number as SQL has it."""
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
