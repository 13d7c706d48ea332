"""The tables of imports: a file that somebody sent, in parts, and what came of each of its rows."""

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
)
from sqlmodel import Field, SQLModel

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


class Import(SQLModel, table=True):
    """One file for one page, how its columns are meant, and how far it is."""

    __tablename__ = "backoffice_imports"
    __table_args__ = (
        PrimaryKeyConstraint("number", name="pk_backoffice_imports"),
        Index("ix_backoffice_imports_actor", "actor", "resource", "number"),
    )

    number: int | None = Field(
        default=None, sa_column=Column(_NUMBER, autoincrement=True, nullable=False)
    )
    #: Who sent it: `user:<id>`. Nobody else sees it.
    actor: str = Field(max_length=128)
    resource: str = Field(max_length=128)
    #: Of the file, as the browser called it.
    name: str = Field(max_length=200)
    #: In which it was read; empty for JSON.
    encoding: str = Field(default="", max_length=32)
    columns: list[str] = Field(sa_column=Column(JSON(), nullable=False), repr=False)
    #: Field of each column; empty for one that is left out.
    matched: list[str] = Field(
        default_factory=list, sa_column=Column(JSON(), nullable=False), repr=False
    )
    #: By what a row finds its record (`matching.KeyChoice`); empty where each is a new one.
    key: str = Field(default="", max_length=128)
    #: Whether rows that find none are added.
    adds: bool = True
    #: Rows of the file.
    total: int
    created_at: datetime
    #: The jobs that try it, and that write it.
    check_job: int | None = Field(default=None, sa_column=Column(_NUMBER, nullable=True))
    deed_job: int | None = Field(default=None, sa_column=Column(_NUMBER, nullable=True))

    #: Rows that make a record, change one, change nothing, and were refused: of the deed once it
    #: has begun, of the last trial before.
    added: int = Field(default=0, sa_column=Column(_NUMBER, nullable=False))
    changed: int = Field(default=0, sa_column=Column(_NUMBER, nullable=False))
    same: int = Field(default=0, sa_column=Column(_NUMBER, nullable=False))
    refused: int = Field(default=0, sa_column=Column(_NUMBER, nullable=False))


class ImportPart(SQLModel, table=True):
    """Some rows of a file, which are tried and written in one transaction."""

    __tablename__ = "backoffice_import_parts"
    __table_args__ = (
        PrimaryKeyConstraint("import_number", "number", name="pk_backoffice_import_parts"),
        ForeignKeyConstraint(
            ["import_number"],
            ["backoffice_imports.number"],
            name="fk_backoffice_import_parts_import",
            ondelete="CASCADE",
        ),
    )

    import_number: int = Field(sa_column=Column(_NUMBER, nullable=False, autoincrement=False))
    number: int
    #: `files.Row` of each row, as JSON; after the deed of those alone that were refused.
    rows: str = Field(sa_column=Column(Text(), nullable=False), repr=False)
    #: Row to column to the earlier row with the same value, where no two may have it; as JSON.
    doubles: str = Field(default="", sa_column=Column(Text(), nullable=False), repr=False)
    #: `outcomes.Outcome` of rows, as JSON; empty where it was not come to.
    outcomes: str = Field(default="", sa_column=Column(Text(), nullable=False), repr=False)
