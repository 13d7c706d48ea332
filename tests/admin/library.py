"""A small library: the models whose pages the tests look at."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel


class Library(SQLModel, registry=registry()):
    """A metadata of its own: the example app has authors and books too."""


class Status(StrEnum):
    draft = "is a draft"
    out = "is out"


class BookTag(Library, table=True):
    __tablename__ = "library_book_tag"

    book_id: int = Field(foreign_key="library_book.id", primary_key=True)
    tag_name: str = Field(foreign_key="library_tag.name", primary_key=True)


class Tag(Library, table=True):
    """With a key that somebody types."""

    __tablename__ = "library_tag"

    name: str = Field(max_length=40, primary_key=True)


class Author(Library, table=True):
    __tablename__ = "library_author"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=80)
    born: date | None = None
    secret_note: str | None = None
    password_hash: str = Field(default="never-shown")


class Book(Library, table=True):
    __tablename__ = "library_book"
    __table_args__ = (CheckConstraint("price >= 0", name="ck_library_book_price"),)

    id: int | None = Field(default=None, primary_key=True)
    title: str = Field(max_length=60)
    isbn: str = Field(max_length=20, unique=True)
    author_id: int = Field(foreign_key="library_author.id")
    editor_id: int | None = Field(default=None, foreign_key="library_author.id")
    price: Decimal = Field(default=Decimal("9.90"), max_digits=8, decimal_places=2)
    weight: float = 0.5
    pages: int = 0
    status: Status = Status.draft
    in_print: bool = True
    published: date | None = None
    added_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    summary: str = Field(default="", sa_type=Text)
    extra: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))

    author: Author = Relationship(sa_relationship_kwargs={"foreign_keys": "Book.author_id"})
    tags: list[Tag] = Relationship(link_model=BookTag)


class Copy(Library, table=True):
    """With a key of two columns."""

    __tablename__ = "library_copy"

    book_id: int = Field(foreign_key="library_book.id", primary_key=True)
    number: int = Field(primary_key=True)
    shelf: str = ""
