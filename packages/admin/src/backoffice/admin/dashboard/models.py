"""The table of daily figures: what all processes have counted, by day and name."""

from datetime import date

from sqlalchemy import BigInteger, Column, Float, PrimaryKeyConstraint
from sqlmodel import Field, SQLModel

#: Visits of pages of the admin, and the milliseconds that they took.
PAGE = "page"
#: Requests that a rate limit has refused.
LIMIT = "limit"
LONGEST_NAME = 200


class DailyFigure(SQLModel, table=True):
    """How often something was on a day, in UTC, and how much it came to."""

    __tablename__ = "backoffice_daily_figures"
    __table_args__ = (
        PrimaryKeyConstraint("day", "kind", "name", name="pk_backoffice_daily_figures"),
    )

    day: date
    kind: str = Field(max_length=16)
    name: str = Field(max_length=LONGEST_NAME)
    count: int = Field(sa_column=Column(BigInteger(), nullable=False))
    amount: float = Field(sa_column=Column(Float(53), nullable=False))
