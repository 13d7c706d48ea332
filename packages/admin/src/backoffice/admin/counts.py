"""How many records there are: counted where that is cheap, else estimated."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Executable, func, select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement, Select
from sqlmodel.ext.asyncio.session import AsyncSession

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

    An estimate is that of PostgreSQL's planner, which knows how large a table is.
    """
    estimates = session.get_bind().dialect.name == "postgresql"
    rows = query.with_only_columns(text("1"), maintain_column_froms=True)
    # Of a whole table the plan is right, and spares counting; of a condition it is a guess.
    about = await _planned(session, rows) if estimates and query.whereclause is None else 0
    if about > limit:
        return Count(about, "about")
    number = await _number(session, rows.limit(limit + 1))
    if number <= limit:
        return Count(number)
    if estimates and query.whereclause is not None:
        about = await _planned(session, rows)
    return Count(about, "about") if about > limit else Count(limit, "more")


async def _number(session: AsyncSession, rows: Select[Any]) -> int:
    # Any: `exec` knows the queries of SQLModel alone, by type.
    asked: Any = session
    counting = select(func.count()).select_from(rows.subquery())
    return int((await asked.exec(counting)).scalar_one())


async def _planned(session: AsyncSession, rows: Select[Any]) -> int:
    connection = await session.connection()
    ((plan,),) = (await connection.execute(_Explained(rows))).all()
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
