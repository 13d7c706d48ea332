"""The table of bulk jobs: what is to be done to which records, how far it is, and who has it."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
)
from sqlmodel import Field, SQLModel

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")

#: Nobody has begun.
WAITING = "waiting"
#: Begun; in somebody's hands while `lease_until` lies ahead.
RUNNING = "running"
#: Every record that matched was come to.
DONE = "done"
#: Somebody cancelled it; what was done until then stays done.
CANCELLED = "cancelled"
#: It could not go on; `reason` says why.
STOPPED = "stopped"

UNFINISHED = (WAITING, RUNNING)


class BulkJob(SQLModel, table=True):
    """One action on all records of a list, in the name of who started it."""

    __tablename__ = "backoffice_jobs"
    __table_args__ = (
        PrimaryKeyConstraint("number", name="pk_backoffice_jobs"),
        UniqueConstraint("form", name="uq_backoffice_jobs_form"),
        Index("ix_backoffice_jobs_turn", "state", "turn_at"),
        Index("ix_backoffice_jobs_actor", "actor", "number"),
    )

    number: int | None = Field(
        default=None, sa_column=Column(_NUMBER, autoincrement=True, nullable=False)
    )
    #: Of the form that started it: sent twice, it starts one job.
    form: str = Field(max_length=32)
    resource: str = Field(max_length=128)
    action: str = Field(max_length=128)
    #: The query of the list: its search and its filters.
    query: str = Field(sa_column=Column(Text(), nullable=False))
    #: A digest of what that meant then.
    meaning: str = Field(max_length=64)
    #: Who started it: `user:<id>`, by this session, from there.
    actor: str = Field(max_length=128)
    session_id: uuid.UUID
    address: str = Field(default="", max_length=64)

    state: str = Field(default=WAITING, max_length=16)
    #: How many records matched when it began; None before.
    total: int | None = Field(default=None, sa_column=Column(_NUMBER, nullable=True))
    done: int = Field(default=0, sa_column=Column(_NUMBER, nullable=False))
    #: Records that whoever started it may not do this to.
    refused: int = Field(default=0, sa_column=Column(_NUMBER, nullable=False))
    #: Records that the database or the action itself did not let it be done to.
    failed: int = Field(default=0, sa_column=Column(_NUMBER, nullable=False))
    #: The first of those: key, name, why.
    failures: list[list[str]] = Field(
        default_factory=list, sa_column=Column(JSON(), nullable=False), repr=False
    )
    #: The place of the last record that it has come to, in the order of keys, and of the last one
    #: that there was when it began.
    place: str | None = Field(default=None, sa_column=Column(Text(), nullable=True))
    until: str | None = Field(default=None, sa_column=Column(Text(), nullable=True))
    reason: str = Field(default="", max_length=200)

    created_at: datetime
    began_at: datetime | None = None
    #: When it was worked on last.
    turn_at: datetime
    ended_at: datetime | None = None
    cancel_asked: bool = False
    #: By chance, and new with each turn: who lost the job to another cannot write to it.
    claim: str | None = Field(default=None, max_length=32, repr=False)
    lease_until: datetime | None = None
    #: Turns since it last came further.
    vain: int = 0
    #: The admin whose page it was started on, by its name.
    site: str = Field(default="admin", max_length=32, sa_column_kwargs={"server_default": "admin"})

    @property
    def handled(self) -> int:
        """Records that it has come to."""
        return self.done + self.refused + self.failed

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in UNFINISHED

    def __str__(self) -> str:
        """By what it does, as the log names it."""
        return f"{self.action} of {self.resource}"

    # Any: the session gives JSON back as it was written.
    def noted(self, failures: list[Any], most: int) -> list[Any]:
        """The first of the failures, with these."""
        return [*self.failures, *failures][:most]
