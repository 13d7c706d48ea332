"""How many records there are: counted where that is cheap, else estimated."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Executable, func, select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement, Select
from sqlmodel.ext.asyncio.session import AsyncSession

_TABLE = text("SELECT reltuples FROM pg_class WHERE oid = to_regclass(:name)")
_DIGITS = 2


@dataclass(frozen=True)
class Count:
    """A number of records: `exact`, `about` so many, or so many and `more`."""

    number: int
    kind: Literal["exact", "about", "more"] = "exact"

    def __str__(self) -> str:
        """`1,234`, `about 10,000,000` or `10,000+`."""
        if self.kind == "about":
            return f"about {_rounded(self.number):,}"
        return f"{self.number:,}" + "+" * (self.kind == "more")

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self.number > 0


async def counted(session: AsyncSession, query: Select[Any], limit: int) -> Count:
    """The number of rows of a query without order: counted up to `limit`, estimated beyond it.

    An estimate is PostgreSQL's own: of the table for all of it, else of the query's plan.
    """
    # Any: the kind of a connection's dialect is known by its name alone.
    dialect: Any = session.get_bind().dialect
    estimates = dialect.name == "postgresql"
    if estimates and query.whereclause is None:
        about = await _of_table(session, query)
        if about > limit:
            return Count(about, "about")
    some = query.with_only_columns(text("1"), maintain_column_froms=True).limit(limit + 1)
    counting = select(func.count()).select_from(some.subquery())
    # Any: `exec` knows the queries of SQLModel alone, by type.
    asked: Any = session
    number = int((await asked.exec(counting)).scalar_one())
    if number <= limit:
        return Count(number)
    if estimates and (about := await _of_plan(session, query)) > limit:
        return Count(about, "about")
    return Count(limit, "more")


async def _of_table(session: AsyncSession, query: Select[Any]) -> int:
    (table,) = query.get_final_froms()
    connection = await session.connection()
    name = connection.dialect.identifier_preparer.format_table(table)
    return int((await connection.execute(_TABLE, {"name": name})).scalar() or 0)


async def _of_plan(session: AsyncSession, query: Select[Any]) -> int:
    connection = await session.connection()
    ((plan,),) = (await connection.execute(_Explained(query))).all()
    return int(plan[0]["Plan"]["Plan Rows"])


def _rounded(number: int) -> int:
    return round(number, _DIGITS - len(str(number)))


class _Explained(Executable, ClauseElement):
    """A query that is planned, and not run."""

    inherit_cache = False

    def __init__(self, query: Select[Any]) -> None:
        self.query = query


@compiles(_Explained)
def _explain(element: _Explained, compiler: Any, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.query, **options)}"
