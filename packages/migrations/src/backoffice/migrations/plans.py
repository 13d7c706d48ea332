"""What `migrate up` or `down` would do, before anything: SQL, its locks, the rows it touches."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sqlalchemy import Connection

from backoffice.migrations.histories import APP, Migration
from backoffice.migrations.lint.live import survey, target_of
from backoffice.migrations.lint.locks import Effect, Lock
from backoffice.migrations.lint.operations import Direction, Statement, Unread
from backoffice.migrations.lint.reading import read
from backoffice.migrations.lint.walk import Step, walk
from backoffice.migrations.scripts import read_script
from backoffice.migrations.vendored import Modes


@dataclass(frozen=True)
class Touched:
    """What a statement does to one table; `rows` is how many it has, None where it is new."""

    table: str
    lock: str
    blocks: str
    scan: bool
    rewrite: bool
    changes_rows: bool
    rows: int | None


@dataclass(frozen=True)
class Planned:
    """One statement, as the database would get it.

    Those of one `transaction` are committed together; None is one that commits by itself.
    """

    sql: str
    line: int
    transaction: int | None
    touches: tuple[Touched, ...]


@dataclass(frozen=True)
class Plan:
    """What one revision would do; `unread` says which parts of it could not be told."""

    history: str
    revision: str
    doc: str
    file: Path
    statements: tuple[Planned, ...]
    unread: tuple[Unread, ...] = ()
    #: Whether it is left for later as long as it is too early.
    may_wait: bool = False


def plans(
    connection: Connection,
    revisions: Sequence[Migration],
    parts: Modes,
    direction: Direction = "upgrade",
) -> list[Plan]:
    """What these revisions would do, one after the other; the database is only read."""
    files = _files(parts)
    database, schema = target_of(connection), survey(connection)
    found = []
    for each in revisions:
        path = files[each.history, each.revision]
        reading = read(path, database, schema)
        # Each is told by what those before it would have made.
        steps = list(map(_Noted.of, walk(reading, schema, database, direction)))
        planned = tuple(_planned(list(some)) for _, some in groupby(steps, key=_statement))
        script = read_script(path)
        waits = script is not None and script.may_wait
        found.append(
            Plan(each.history, each.revision, each.doc, path, planned, reading.unread, waits)
        )
    return found


@dataclass(frozen=True)
class _Noted:
    """One action of a statement, and what it does to tables."""

    statement: Statement
    touches: tuple[Touched, ...]

    @classmethod
    def of(cls, step: Step) -> "_Noted":
        """What is told of a step, while the walk stands at it."""
        touches = (_touched(step, each) for each in step.effects)
        return cls(step.statement, tuple(touches))


def _statement(noted: _Noted) -> int:
    return id(noted.statement)


def _planned(some: Sequence[_Noted]) -> Planned:
    statement = some[0].statement
    touches = tuple(dict.fromkeys(each for noted in some for each in noted.touches))
    return Planned(statement.sql, statement.line, statement.transaction, touches)


def _touched(step: Step, effect: Effect) -> Touched:
    new = effect.table in step.new
    return Touched(
        effect.table,
        str(effect.lock),
        "" if new else _blocks(effect.lock),
        effect.scan,
        effect.rewrite,
        effect.rows,
        None if new else step.rows(effect.table),
    )


def _blocks(lock: Lock) -> str:
    if lock.blocks_reads:
        return "reads and writes"
    return "writes" if lock.blocks_writes else ""


def _files(parts: Modes) -> dict[tuple[str, str], Path]:
    """The file of each revision, by its history and its id."""
    found = {(APP, each.id): each.path for each in parts.scripts}
    for history in parts.managed:
        for path in sorted((history.folder / "versions").glob("*.py")):
            if (script := read_script(path)) is not None:
                found[history.name, script.id] = path
    return found
