"""A model with a column of each kind, as far as each database has it."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    JSON,
    Column,
    Computed,
    Double,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Text,
)
from sqlalchemy.dialects.postgresql import (
    BIT,
    CIDR,
    DATERANGE,
    INET,
    INT4RANGE,
    INTERVAL,
    JSONB,
    MONEY,
    NUMRANGE,
    TSTZRANGE,
    TSVECTOR,
    Range,
)
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel
from sqlmodel._compat import SQLModelConfig

NOON = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)


class Kinds(SQLModel, registry=registry()):
    """A metadata of its own."""


class Postgres(SQLModel, registry=registry()):
    """Of what SQLite does not have."""

    model_config = SQLModelConfig(arbitrary_types_allowed=True)


class Size(StrEnum):
    small = "S"
    large = "L"


class Common(Kinds, table=True):
    __tablename__ = "kinds_common"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str = Field(max_length=40)
    weight: float = 0.5
    height: float | None = Field(default=None, sa_type=Double)
    depth: float | None = Field(default=None, sa_column=Column(Float(24)))
    price: Decimal = Field(default=Decimal("1.50"), max_digits=10, decimal_places=3)
    rate: float | None = Field(default=None, sa_column=Column(Numeric(8, 2, asdecimal=False)))
    made: datetime = Field(default=NOON)
    day: date | None = None
    at: time | None = None
    lasts: timedelta | None = Field(default=None, sa_type=Interval)
    size: Size = Size.small
    letter: str | None = Field(default=None, sa_column=Column(Enum("a", "b", name="letters")))
    owner: UUID | None = None
    extra: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    photo: bytes | None = Field(default=None, sa_type=LargeBinary)
    note: str = Field(default="", sa_type=Text)
    active: bool = True
    twice: int | None = Field(
        default=None, sa_column=Column(Integer, Computed("length(name) * 2", persisted=True))
    )
    api_token: str = "never-shown"


class Pair(Kinds, table=True):
    __tablename__ = "kinds_pair"

    day: date = Field(primary_key=True)
    code: str = Field(max_length=10, primary_key=True)
    count: int = 0


class Special(Postgres, table=True):
    __tablename__ = "kinds_special"

    id: int | None = Field(default=None, primary_key=True)
    address: IPv4Address | None = Field(default=None, sa_type=INET)
    host: str | None = Field(default=None, sa_type=INET)
    net: str | None = Field(default=None, sa_type=CIDR)
    lasts: timedelta | None = Field(default=None, sa_type=INTERVAL)
    tags: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(String), nullable=False))
    numbers: list[int] | None = Field(default=None, sa_column=Column(ARRAY(Integer)))
    grid: list[list[int]] | None = Field(
        default=None, sa_column=Column(ARRAY(Integer, dimensions=2))
    )
    ages: Range[int] | None = Field(default=None, sa_column=Column(INT4RANGE))
    prices: Range[Decimal] | None = Field(default=None, sa_column=Column(NUMRANGE))
    days: Range[date] | None = Field(default=None, sa_column=Column(DATERANGE))
    open: Range[datetime] | None = Field(default=None, sa_column=Column(TSTZRANGE))
    extra: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    words: Any = Field(default=None, sa_column=Column(TSVECTOR))
    bits: Any = Field(default=None, sa_column=Column(BIT(3)))
    cash: Any = Field(default=None, sa_column=Column(MONEY))
