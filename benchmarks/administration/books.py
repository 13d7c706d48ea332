"""The table that all contestants show: nine columns of a catalogue of books."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from sqlalchemy import create_engine, text
from sqlmodel import Field, SQLModel

COLUMNS = ("id", "title", "isbn", "price", "stock", "in_print", "published", "country", "summary")
#: What an export is narrowed to, for some contestants hold all of it in memory.
EXPORTED = 50_000

_NUMBERS = {
    "postgresql": "SELECT generate_series(1, :rows) AS n",
    "sqlite": (
        "WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted"
        " WHERE n < :rows) SELECT n FROM counted"
    ),
}
_PUBLISHED = {
    "postgresql": "DATE '1990-01-01' + CAST(n % 12000 AS INTEGER)",
    "sqlite": "date('1990-01-01', (n % 12000) || ' days')",
}


class Book(SQLModel, table=True):
    """A book of a catalogue."""

    id: int | None = Field(default=None, primary_key=True)
    title: str
    isbn: str
    price: Decimal = Field(max_digits=8, decimal_places=2)
    stock: int
    in_print: bool
    published: date
    country: str
    summary: str


def fill(url: str, rows: int) -> None:
    """Make the table, with so many books."""
    engine = create_engine(url.replace("+aiosqlite", ""))
    Book.metadata.create_all(engine, tables=[Book.metadata.tables["book"]])
    with engine.begin() as connection:
        for statement in _statements(engine.dialect.name):
            parameters = {"rows": rows} if ":rows" in statement else {}
            connection.execute(text(statement), parameters)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    engine.dispose()


def _statements(dialect: str) -> Iterator[str]:
    yield (
        "INSERT INTO book (id, title, isbn, price, stock, in_print, published, country, summary)"
        " SELECT n, 'A book by the number ' || n, '978' || (1000000000 + n),"
        " 5 + n % 8500 / 100.0, n * 31 % 90, n % 5 > 0,"
        f" {_PUBLISHED[dialect]}, CASE n % 4 WHEN 0 THEN 'DE' WHEN 1 THEN 'FR' WHEN 2 THEN 'GB'"
        " ELSE 'PL' END, 'Some words about it, as there are in any catalogue of books.'"
        f" FROM ({_NUMBERS[dialect]}) AS numbers"
    )
    if dialect == "postgresql":
        yield "SELECT setval('book_id_seq', :rows)"
