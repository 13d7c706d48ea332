"""The outbox: mail that is still to be sent, and what became of the rest."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, Column, Index, PrimaryKeyConstraint
from sqlmodel import Field, SQLModel

#: Due at `due_at`.
WAITING = "waiting"
#: In the hands of the worker that holds `claim`, until `due_at`.
SENDING = "sending"
SENT = "sent"
#: Nobody tries it any more; `error` says why.
DEAD = "dead"
#: Written for the time that it takes, for nobody to be sent anything; gone within a minute.
DECOY = "decoy"
STATES = (WAITING, SENDING, SENT, DEAD)


class OutgoingMail(SQLModel, table=True):
    """One message, written in the transaction of what it tells."""

    __tablename__: ClassVar[Any] = "backoffice_mail"
    __table_args__: ClassVar[Any] = (
        PrimaryKeyConstraint("id", name="pk_backoffice_mail"),
        Index("ix_backoffice_mail_state", "state", "due_at"),
    )

    #: That of the message, and so of its Message-ID.
    id: str = Field(max_length=128)
    #: What it was written from, such as `reset`; empty for a message of the app's own.
    template: str = Field(default="", max_length=64)
    recipient: str = Field(max_length=512)
    #: Subject, texts and headers: codes and links stand in them. Gone once nobody needs them.
    content: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True), repr=False
    )
    state: str = Field(default=WAITING, max_length=16)
    attempts: int = 0
    created_at: datetime
    #: When it is to be tried, or tried again; while it is being sent, until when nobody else may.
    due_at: datetime
    #: It is not sent after that: what it tells has run out.
    expires_at: datetime | None = None
    #: By chance, and new with each attempt: who lost the message to another cannot settle it.
    claim: str | None = Field(default=None, max_length=32, repr=False)
    #: When it was sent, or given up.
    settled_at: datetime | None = None
    #: Why the last attempt failed: no address, no secret.
    error: str = Field(default="", max_length=200)
