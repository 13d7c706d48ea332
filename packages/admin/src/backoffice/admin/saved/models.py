"""The table of saved views: of whom, of which list, and what its address says."""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, Integer, PrimaryKeyConstraint, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlmodel import Field, SQLModel

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
#: The longest name, in characters.
LONGEST_NAME = 60


class SavedView(SQLModel, table=True):
    """A list with its search, filters, order and columns, under a name.

    The one without a name is how the list opens for its owner: the columns that they keep, and
    the view that they see first.
    """

    __tablename__ = "backoffice_saved_views"
    __table_args__ = (
        PrimaryKeyConstraint("number", name="pk_backoffice_saved_views"),
        Unique("resource", "owner", "name", name="uq_backoffice_saved_views_name"),
    )

    number: int | None = Field(
        default=None, sa_column=Column(_NUMBER, autoincrement=True, nullable=False)
    )
    resource: str = Field(max_length=128)
    #: `user:<id>`.
    owner: str = Field(max_length=128)
    name: str = Field(default="", max_length=LONGEST_NAME)
    query: str = Field(default="", sa_column=Column(Text(), nullable=False))
    #: What its filters are about: it is offered to those who may filter by all of that.
    about: list[str] = Field(default_factory=list, sa_column=Column(JSON(), nullable=False))
    shared: bool = False
    #: Of the one without a name: the number of the view that the list opens with.
    opens: int | None = Field(default=None, sa_column=Column(_NUMBER, nullable=True))
    changed_at: datetime
