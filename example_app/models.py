"""The tables of the bookshop."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Enum, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field, Relationship, SQLModel


def now() -> datetime:
    return datetime.now(UTC)


class OrderStatus(StrEnum):
    pending = "pending"
    paid = "paid"
    shipped = "shipped"
    delivered = "delivered"
    cancelled = "cancelled"


class Author(SQLModel, table=True):
    __tablename__ = "author"
    __table_args__ = (Index("ix_author_name", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(max_length=200)
    country: str = Field(max_length=2)
    biography: str | None = Field(default=None, sa_type=Text)

    books: list["Book"] = Relationship(back_populates="author", passive_deletes="all")

    def __str__(self) -> str:
        return self.name


class Book(SQLModel, table=True):
    __tablename__ = "book"
    # Constraints are named one by one: a naming convention would have to be set on
    # SQLModel.metadata, which every package in the process shares.
    __table_args__ = (
        ForeignKeyConstraint(["author_id"], ["author.id"], "fk_book_author", ondelete="RESTRICT"),
        UniqueConstraint("isbn", name="uq_book_isbn"),
        CheckConstraint("price >= 0", name="ck_book_price"),
        CheckConstraint("stock >= 0", name="ck_book_stock"),
        CheckConstraint("weight_kg > 0", name="ck_book_weight_kg"),
        Index("ix_book_title", "title"),
        Index("ix_book_author_id", "author_id"),
        Index("ix_book_price", "price"),
        Index("ix_book_published", "published"),
    )

    id: int | None = Field(default=None, primary_key=True)
    title: str = Field(max_length=200)
    isbn: str = Field(max_length=13)
    author_id: int
    published: date
    price: Decimal = Field(max_digits=10, decimal_places=2)
    weight_kg: float
    stock: int = 0
    in_print: bool = True
    added_at: datetime = Field(default_factory=now)

    author: Author = Relationship(
        back_populates="books", sa_relationship_kwargs={"lazy": "joined", "innerjoin": True}
    )
    reviews: list["Review"] = Relationship(back_populates="book", passive_deletes="all")

    def __str__(self) -> str:
        return self.title


class Order(SQLModel, table=True):
    __tablename__ = "customer_order"  # "order" is a reserved word
    __table_args__ = (
        CheckConstraint("shipping >= 0", name="ck_customer_order_shipping"),
        Index("ix_customer_order_status", "status"),
        Index("ix_customer_order_placed_at", "placed_at"),
        Index("ix_customer_order_email", "email"),
    )

    id: int | None = Field(default=None, primary_key=True)
    customer: str = Field(max_length=200)
    email: str = Field(max_length=254)
    country: str = Field(max_length=2)
    status: OrderStatus = Field(
        default=OrderStatus.pending, sa_type=Enum(OrderStatus, name="order_status")
    )
    shipping: Decimal = Field(max_digits=10, decimal_places=2)
    placed_at: datetime = Field(default_factory=now)

    lines: list["OrderLine"] = Relationship(
        back_populates="order",
        cascade_delete=True,
        passive_deletes=True,
        sa_relationship_kwargs={"lazy": "selectin"},
    )

    def __str__(self) -> str:
        return f"Order {self.id}"


class OrderLine(SQLModel, table=True):
    __tablename__ = "order_line"
    __table_args__ = (
        ForeignKeyConstraint(
            ["order_id"], ["customer_order.id"], "fk_order_line_order", ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["book_id"], ["book.id"], "fk_order_line_book", ondelete="RESTRICT"),
        UniqueConstraint("order_id", "book_id", name="uq_order_line_order_book"),
        CheckConstraint("quantity > 0", name="ck_order_line_quantity"),
        CheckConstraint("unit_price >= 0", name="ck_order_line_unit_price"),
        Index("ix_order_line_book_id", "book_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    order_id: int
    book_id: int
    quantity: int
    unit_price: Decimal = Field(max_digits=10, decimal_places=2)

    order: Order = Relationship(back_populates="lines")
    book: Book = Relationship()


class Review(SQLModel, table=True):
    __tablename__ = "review"
    __table_args__ = (
        ForeignKeyConstraint(["book_id"], ["book.id"], "fk_review_book", ondelete="CASCADE"),
        UniqueConstraint("book_id", "reviewer", name="uq_review_book_reviewer"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="ck_review_rating"),
        Index("ix_review_account_id", "account_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    book_id: int
    reviewer: str = Field(max_length=200)
    #: Who wrote it; none for the reviews from before there were accounts. No foreign key: this
    #: history does not wait for the tables of accounts, which have one of their own.
    account_id: UUID | None = None
    rating: int
    body: str = Field(sa_type=Text)
    written_at: datetime = Field(default_factory=now)
    #: Since when the shop shows it no more; the admin keeps it, and can bring it back.
    deleted_at: datetime | None = None

    book: Book = Relationship(back_populates="reviews")
