"""What a job looks like as SQL, where there is no database to walk through: one statement."""

from typing import Any

from sqlalchemy import Delete, Executable, Insert, Select, TextClause, Update, text

from backoffice.core.errors import SetupError
from backoffice.migrations.batches.walk import Change


def wanted(on: Any) -> bool:
    """Whether only SQL is to be written: `alembic upgrade --sql`, or lint reads the revision."""
    if not hasattr(on, "get_context"):
        return False
    context = on.get_context()
    return bool(context.as_sql) or _read(context)


def _read(context: Any) -> bool:
    return bool(context.dialect.driver == "recording")


def bound(on: Any, size: int) -> list[TextClause]:
    """What tells lint that only some rows are changed at once; a script says it in a comment."""
    context = on.get_context()
    if not _read(context):
        return []
    if context.dialect.name == "postgresql":
        return [text(f"ctid = ANY (ARRAY['the next {size}']::tid[])".replace(":", "\\:"))]
    return [text(f"key IN ('the next {size}')")]


def show(on: Any, change: Change, size: int) -> int:
    """Write the statement out, values and all, in no transaction of the revision's."""
    with on.get_context().autocommit_block():
        paper: Any = _Paper(on, size)  # it has of a connection what a change asks for
        return change(paper, None)


def refused(connection: Any) -> None:
    """SetupError where Python is to be written as SQL."""
    if isinstance(connection, _Paper) and connection.as_sql:
        raise SetupError("a batched_update by a function cannot be written as SQL; run it instead")


class _Paper:
    """Takes the place of a connection: writes each statement down."""

    rowcount = 0

    def __init__(self, on: Any, size: int) -> None:
        self._on = on
        self._said = f"/* in batches of at most {size} rows */"
        self.dialect = on.get_context().dialect
        self.as_sql = bool(on.get_context().as_sql)

    def all(self) -> list[Any]:
        return []

    def execute(self, statement: Update | Delete | Insert | Select[Any], **_: Any) -> "_Paper":
        self._on.execute(statement.prefix_with(self._said))
        return self

    def scalar(self, _: Executable) -> int:
        return 0
