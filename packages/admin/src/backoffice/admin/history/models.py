"""The table of the history: what was changed in records, from what to what, and by whom."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, PrimaryKeyConstraint
from sqlmodel import Field, SQLModel

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


class Change(SQLModel, table=True):
    """One change of one record, written in the transaction that made it."""

    __tablename__ = "backoffice_history"
    __table_args__ = (
        PrimaryKeyConstraint("number", name="pk_backoffice_history"),
        Index("ix_backoffice_history_record", "resource", "record_key", "number"),
        Index("ix_backoffice_history_resource", "resource", "number"),
        Index("ix_backoffice_history_actor", "actor", "number"),
        Index("ix_backoffice_history_request", "request_id", "number"),
        Index("ix_backoffice_history_undoes", "undoes"),
    )

    number: int | None = Field(
        default=None, sa_column=Column(_NUMBER, autoincrement=True, nullable=False)
    )
    at: datetime
    #: Who did it: `user:<id>`, `cli:<name>`; empty for somebody unknown.
    actor: str = Field(max_length=128)
    #: `admin`, `api` or `command`.
    through: str = Field(max_length=16)
    #: `add`, `change` or `delete`.
    action: str = Field(max_length=16)
    #: Of the page on which the record is shown.
    resource: str = Field(max_length=128)
    record_key: str = Field(max_length=512)
    #: What the record was called then.
    label: str = Field(max_length=200)
    #: Field to `[from, to]`, as `values.stored` writes them.
    changes: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    request_id: str = Field(default="", max_length=128)
    #: The number of the change that this one has taken back.
    undoes: int | None = Field(default=None, sa_column=Column(_NUMBER, nullable=True))
