"""What crosses HTTP. Its bounds are the database's own, so that nothing is refused only there."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    EmailStr,
    Field,
    StringConstraints,
    field_validator,
)

from example_app.models import OrderStatus

Item = TypeVar("Item")

NO_NUL = r"^[^\x00]*$"  # PostgreSQL has no NUL in a text


def isbn13(value: str) -> str:
    digits = value.replace("-", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) == 13):
        raise ValueError("an ISBN has 13 digits")
    if sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits)) % 10:
        raise ValueError("the last digit of this ISBN does not fit the others")
    return digits


def text(longest: int) -> StringConstraints:
    return StringConstraints(
        strip_whitespace=True, min_length=1, max_length=longest, pattern=NO_NUL
    )


Id = Annotated[int, Field(ge=1, le=2**31 - 1)]
Line = Annotated[str, text(200)]
Prose = Annotated[str, text(5000)]
Isbn = Annotated[str, text(20), AfterValidator(isbn13)]
Price = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2)]
Kilograms = Annotated[float, Field(gt=0, le=100)]
Stock = Annotated[int, Field(ge=0, le=1_000_000)]


class Shown(BaseModel):
    """Made from a row of a table, which itself never leaves a route."""

    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    total: int


class Paging(BaseModel):
    limit: int = Field(default=20, ge=1, le=100)
    offset: int = Field(default=0, ge=0, le=100_000)


class BookSearch(Paging):
    q: str = Field(default="", max_length=100, pattern=NO_NUL)
    sort: Literal["title", "-title", "price", "-price", "published", "-published"] = "title"


class Caller(BaseModel):
    id: UUID
    kind: str
    method: str
    permissions: list[str]


class Feed(BaseModel):
    user: UUID | None


class AuthorShown(Shown):
    id: int
    name: str
    country: str


class BookShown(Shown):
    id: int
    title: str
    isbn: str
    author: AuthorShown
    published: date
    price: Decimal
    weight_kg: float
    stock: int
    in_print: bool


class NewBook(BaseModel):
    title: Line
    isbn: Isbn
    author_id: Id
    published: date
    price: Price
    weight_kg: Kilograms
    stock: Stock = 0
    in_print: bool = True


class BookChanges(BaseModel):
    """What is left out stays as it is; the ISBN does in any case, for it names the edition."""

    title: Line | None = None
    author_id: Id | None = None
    published: date | None = None
    price: Price | None = None
    weight_kg: Kilograms | None = None
    stock: Stock | None = None
    in_print: bool | None = None

    @field_validator("*", mode="before")
    @classmethod
    def not_null(cls, value: object) -> object:
        if value is None:
            raise ValueError("cannot be emptied; leave it out to keep it")
        return value


class OrderSearch(Paging):
    status: OrderStatus | None = None


class NewOrderLine(BaseModel):
    book_id: Id
    quantity: int = Field(ge=1, le=100)


class NewOrder(BaseModel):
    customer: Line
    email: EmailStr
    country: str = Field(pattern="^[A-Z]{2}$")
    lines: list[NewOrderLine] = Field(min_length=1, max_length=50)

    @field_validator("lines")
    @classmethod
    def each_book_once(cls, lines: list[NewOrderLine]) -> list[NewOrderLine]:
        if len({line.book_id for line in lines}) < len(lines):
            raise ValueError("a book is in one line; say how many in its quantity")
        return lines


class OrderMove(BaseModel):
    status: OrderStatus


class OrderLineShown(Shown):
    book_id: int
    quantity: int
    unit_price: Decimal


class OrderShown(Shown):
    id: int
    customer: str
    email: str
    country: str
    status: OrderStatus
    shipping: Decimal
    placed_at: datetime
    lines: list[OrderLineShown]


class NewReview(BaseModel):
    reviewer: Line
    rating: int = Field(ge=1, le=5)
    body: Prose


class ReviewShown(Shown):
    id: int
    reviewer: str
    rating: int
    body: str
    written_at: datetime
