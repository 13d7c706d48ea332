"""Models and a database that agree are told apart by nothing, whatever the models use."""

import enum
import uuid
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import postgresql
from sqlmodel import AutoString

from backoffice.migrations.guards.models import model_faults
from tests.migrations.projects import sync_url

CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Kind(enum.Enum):
    OLD = "old"
    NEW = "new"


def tables(convention: dict[str, str] | None) -> sa.MetaData:
    """Tables that use what tables use."""
    metadata = sa.MetaData(naming_convention=convention)
    sa.Table("author", metadata, sa.Column("id", sa.Uuid, primary_key=True, default=uuid.uuid4))
    sa.Table(
        "book",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", AutoString(), nullable=False, index=True),
        sa.Column("isbn", sa.String(13), unique=True),
        sa.Column("kind", sa.Enum(Kind, name="kind"), server_default="OLD", nullable=False),
        sa.Column("plain", sa.Enum("a", "it's", name="plain", native_enum=False)),
        sa.Column(
            "checked",
            sa.Enum("x", "it's", name="checked", native_enum=False, create_constraint=True),
        ),
        sa.Column("price", sa.Numeric(8, 2), server_default="0"),
        sa.Column("sold", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("text", sa.String(9), server_default="it's"),
        sa.Column("empty", sa.String(9), server_default=""),
        sa.Column("more", sa.JSON().with_variant(postgresql.JSONB(), "postgresql")),
        sa.Column("mixed Case", sa.Integer),
        sa.Column("author_id", sa.ForeignKey("author.id", ondelete="CASCADE"), nullable=False),
        sa.CheckConstraint("price >= 0", name="price_not_negative"),
        sa.Index("ix_book_lower_title", sa.text("lower(title)"), unique=True),
        sa.Index("ix_book_partial", "sold", postgresql_where=sa.text("sold")),
    )
    return metadata


def enums(table: sa.Table, column: str) -> list[str]:
    """The values that the model of a column has."""
    kind = table.c[column].type
    assert isinstance(kind, sa.Enum)
    return kind.enums


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(sync_url(database_url))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def faults(connection: sa.Connection, metadata: sa.MetaData) -> list[str]:
    context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
    return [each.message for each in model_faults(context)]


@pytest.mark.parametrize("convention", [None, CONVENTION], ids=["unnamed", "named"])
def test_what_the_models_have_made_is_what_they_say(
    connection: sa.Connection, convention: dict[str, str] | None
) -> None:
    metadata = tables(convention)
    metadata.create_all(connection)
    assert faults(connection, metadata) == []


CHANGES: dict[str, Callable[[sa.Table], object]] = {
    "a value of a checked enum": lambda book: enums(book, "checked").append("lost"),
    "a default": lambda book: setattr(book.c.price, "server_default", sa.DefaultClause("7")),
    "a default that goes": lambda book: setattr(book.c.text, "server_default", None),
    "NULL": lambda book: setattr(book.c.title, "nullable", True),
    "a length": lambda book: setattr(book.c.isbn, "type", sa.String(17)),
    "a column": lambda book: book.append_column(sa.Column("since", sa.DateTime)),
    "an index": lambda book: sa.Index("ix_book_sold", book.c.sold),
    "an index on an expression": lambda book: sa.Index(
        "ix_new", sa.text("upper(title)"), _table=book
    ),
    "a check": lambda book: book.append_constraint(sa.CheckConstraint("price < 9", name="cheap")),
    "a unique constraint": lambda book: book.append_constraint(sa.UniqueConstraint("title")),
    "a table": lambda book: sa.Table("shelf", book.metadata, sa.Column("id", sa.Integer)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_each_thing_that_the_models_change_is_told(connection: sa.Connection, what: str) -> None:
    metadata = tables(CONVENTION)
    metadata.create_all(connection)
    CHANGES[what](metadata.tables["book"])
    assert faults(connection, metadata)


@pytest.mark.parametrize("databases", ["postgresql"], indirect=True)
def test_a_value_of_a_native_enum_is_told(connection: sa.Connection) -> None:
    metadata = tables(CONVENTION)
    metadata.create_all(connection)
    enums(metadata.tables["book"], "kind").append("LOST")
    assert faults(connection, metadata) == [
        "book.kind: the enum has OLD, NEW; the models have OLD, NEW, LOST"
    ]


def test_what_the_database_has_alone_is_told(connection: sa.Connection) -> None:
    metadata = tables(CONVENTION)
    metadata.create_all(connection)
    connection.execute(sa.text("CREATE TABLE shelf (id INTEGER)"))
    connection.execute(sa.text("ALTER TABLE book ADD COLUMN shelf INTEGER"))
    told = faults(connection, metadata)
    assert {
        "table shelf is in the database alone",
        "column book.shelf is in the database alone",
    } <= {*told}


def test_tables_of_a_package_are_not_the_models_business(connection: sa.Connection) -> None:
    metadata = tables(CONVENTION)
    metadata.create_all(connection)
    connection.execute(sa.text("CREATE TABLE backoffice_shelf (id INTEGER)"))
    connection.execute(sa.text("CREATE INDEX ix_backoffice_shelf ON backoffice_shelf (id)"))
    assert faults(connection, metadata) == []
