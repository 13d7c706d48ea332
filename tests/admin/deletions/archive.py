"""Models whose deletion reaches others, by the session's cascades and by the database's."""

from datetime import datetime

from sqlalchemy.orm import registry
from sqlmodel import Field, Relationship, SQLModel


class Archive(SQLModel, registry=registry()):
    """A metadata of its own."""


class Publisher(Archive, table=True):
    __tablename__ = "archive_publisher"

    id: int | None = Field(default=None, primary_key=True)
    name: str


class Edition(Archive, table=True):
    """Goes with its publisher, by the database."""

    __tablename__ = "archive_edition"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    publisher_id: int = Field(foreign_key="archive_publisher.id", ondelete="CASCADE")


class Volume(Archive, table=True):
    """Goes with its edition: the second level."""

    __tablename__ = "archive_volume"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    edition_id: int = Field(foreign_key="archive_edition.id", ondelete="CASCADE")


class Review(Archive, table=True):
    """Stays, without its volume."""

    __tablename__ = "archive_review"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    volume_id: int | None = Field(
        default=None, foreign_key="archive_volume.id", ondelete="SET NULL"
    )


class Contract(Archive, table=True):
    """Holds its volume."""

    __tablename__ = "archive_contract"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    volume_id: int = Field(foreign_key="archive_volume.id")


class Folder(Archive, table=True):
    """Goes with the folder that it is in."""

    __tablename__ = "archive_folder"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    parent_id: int | None = Field(default=None, foreign_key="archive_folder.id", ondelete="CASCADE")


class Order(Archive, table=True):
    """Whose lines go by the session's cascade, and whose notes lose it."""

    __tablename__ = "archive_order"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    lines: list["Line"] = Relationship(cascade_delete=True)
    remarks: list["Remark"] = Relationship()


class Line(Archive, table=True):
    __tablename__ = "archive_line"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    order_id: int = Field(foreign_key="archive_order.id")


class Remark(Archive, table=True):
    __tablename__ = "archive_remark"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    order_id: int | None = Field(default=None, foreign_key="archive_order.id")


class Team(Archive, table=True):
    """Whose desks the session would leave without a team, which they must have."""

    __tablename__ = "archive_team"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    desks: list["Desk"] = Relationship()


class Desk(Archive, table=True):
    __tablename__ = "archive_desk"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    team_id: int = Field(foreign_key="archive_team.id", ondelete="CASCADE")


class Letter(Archive, table=True):
    """Is kept when it is deleted."""

    __tablename__ = "archive_letter"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    deleted_at: datetime | None = None


class Card(Archive, table=True):
    """The same, by a flag; refers to a letter."""

    __tablename__ = "archive_card"

    id: int | None = Field(default=None, primary_key=True)
    name: str
    is_deleted: bool = False
    letter_id: int | None = Field(default=None, foreign_key="archive_letter.id")
