"""The tables of accounts: users, roles, sessions, API keys and the audit log."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    false,
    text,
)
from sqlalchemy import UniqueConstraint as Unique
from sqlmodel import Field, SQLModel

from backoffice.auth.user_keys import UserKey

#: The scope of what counts everywhere; others are a place for parts of the app, such as tenants.
WHOLE_APP = ""


def _id() -> Any:
    return Field(default_factory=uuid.uuid4, primary_key=True)


class User(SQLModel, table=True):
    """A person, or a service, that can sign in."""

    __tablename__ = "backoffice_user"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="pk_backoffice_user"),
        Unique("email", name="uq_backoffice_user_email"),
    )

    id: uuid.UUID = _id()
    #: Normalised (NFKC, lower case), so that one address is one account.
    email: str = Field(max_length=320)
    hashed_password: str = Field(max_length=1024, repr=False)
    is_active: bool = True
    is_superuser: bool = False
    is_verified: bool = False
    created_at: datetime
    password_changed_at: datetime
    #: A program's account: it holds roles and API keys, and cannot sign in.
    is_service: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    #: Until then no credential of the account is good.
    locked_until: datetime | None = None


class Role(SQLModel, table=True):
    """A named set of permissions."""

    __tablename__ = "backoffice_role"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="pk_backoffice_role"),
        Unique("name", name="uq_backoffice_role_name"),
    )

    id: uuid.UUID = _id()
    name: str = Field(max_length=64)
    description: str = Field(default="", max_length=500)


class RolePermission(SQLModel, table=True):
    """One permission of a role, such as `books:read` or `books:*`."""

    __tablename__ = "backoffice_role_permission"
    __table_args__ = (
        PrimaryKeyConstraint("role_id", "permission", name="pk_backoffice_role_permission"),
        ForeignKeyConstraint(
            ["role_id"],
            ["backoffice_role.id"],
            name="fk_backoffice_role_permission_role",
            ondelete="CASCADE",
        ),
        Index("ix_backoffice_role_permission_permission", "permission"),
    )

    role_id: uuid.UUID = Field(primary_key=True)
    permission: str = Field(max_length=128, primary_key=True)


class RoleInclusion(SQLModel, table=True):
    """A role that another one includes: whoever holds that one may do what this one allows."""

    __tablename__ = "backoffice_role_inclusion"
    __table_args__ = (
        PrimaryKeyConstraint("role_id", "included_id", name="pk_backoffice_role_inclusion"),
        ForeignKeyConstraint(
            ["role_id"],
            ["backoffice_role.id"],
            name="fk_backoffice_role_inclusion_role",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["included_id"],
            ["backoffice_role.id"],
            name="fk_backoffice_role_inclusion_included",
            ondelete="CASCADE",
        ),
        Index("ix_backoffice_role_inclusion_included", "included_id"),
    )

    role_id: uuid.UUID = Field(primary_key=True)
    included_id: uuid.UUID = Field(primary_key=True)


class UserRole(SQLModel, table=True):
    """A role that a user holds."""

    __tablename__ = "backoffice_user_role"
    __table_args__ = (
        PrimaryKeyConstraint("user_id", "role_id", "scope", name="pk_backoffice_user_role"),
        ForeignKeyConstraint(
            ["user_id"],
            ["backoffice_user.id"],
            name="fk_backoffice_user_role_user",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["role_id"],
            ["backoffice_role.id"],
            name="fk_backoffice_user_role_role",
            ondelete="CASCADE",
        ),
        Index("ix_backoffice_user_role_role", "role_id"),
    )

    user_id: uuid.UUID = Field(sa_type=UserKey, primary_key=True)
    role_id: uuid.UUID = Field(primary_key=True)
    #: Where it counts.
    scope: str = Field(
        default=WHOLE_APP,
        max_length=128,
        primary_key=True,
        sa_column_kwargs={"server_default": text("''")},
    )
    #: Until then; None for as long as nobody takes it.
    expires_at: datetime | None = None


class UserPermission(SQLModel, table=True):
    """A permission that a user holds by no role."""

    __tablename__ = "backoffice_user_permission"
    __table_args__ = (
        PrimaryKeyConstraint(
            "user_id", "permission", "scope", name="pk_backoffice_user_permission"
        ),
        ForeignKeyConstraint(
            ["user_id"],
            ["backoffice_user.id"],
            name="fk_backoffice_user_permission_user",
            ondelete="CASCADE",
        ),
        Index("ix_backoffice_user_permission_permission", "permission"),
    )

    user_id: uuid.UUID = Field(sa_type=UserKey, primary_key=True)
    permission: str = Field(max_length=128, primary_key=True)
    #: Where it counts.
    scope: str = Field(default=WHOLE_APP, max_length=128, primary_key=True)
    #: Until then; None for as long as nobody takes it.
    expires_at: datetime | None = None
    created_at: datetime


class UserSession(SQLModel, table=True):
    """One sign-in: of a browser (`kind` is `browser`) or of a client with tokens (`token`); or
    somebody's look at the app as another user (`acting`)."""

    __tablename__ = "backoffice_session"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="pk_backoffice_session"),
        ForeignKeyConstraint(
            ["user_id"],
            ["backoffice_user.id"],
            name="fk_backoffice_session_user",
            ondelete="CASCADE",
        ),
        Index("ix_backoffice_session_user", "user_id"),
    )

    id: uuid.UUID = _id()
    user_id: uuid.UUID = Field(sa_type=UserKey)
    kind: str = Field(max_length=16)
    #: Counts the refresh tokens that this session has given out; only the newest is good.
    generation: int = 0
    rotated_at: datetime
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    address: str = Field(default="", max_length=64)
    user_agent: str = Field(default="", max_length=300)
    #: When the owner last proved to be there; None since the sign-in itself.
    proved_at: datetime | None = None
    #: Whether a second factor was proved as well.
    mfa: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class ApiKey(SQLModel, table=True):
    """A key by which a program acts for its owner. The secret itself is nowhere stored."""

    __tablename__ = "backoffice_api_key"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="pk_backoffice_api_key"),
        Unique("prefix", name="uq_backoffice_api_key_prefix"),
        ForeignKeyConstraint(
            ["user_id"],
            ["backoffice_user.id"],
            name="fk_backoffice_api_key_user",
            ondelete="CASCADE",
        ),
        Index("ix_backoffice_api_key_user", "user_id"),
    )

    id: uuid.UUID = _id()
    user_id: uuid.UUID = Field(sa_type=UserKey)
    name: str = Field(max_length=100)
    #: The public first part of the key, by which it is found and recognised.
    prefix: str = Field(max_length=32)
    #: SHA-256 of the key: it has over 112 bits of chance, so a plain digest will do (ASVS 6.5.2).
    digest: str = Field(max_length=64, repr=False)
    #: What the key may do at most; None stands for all that its owner may.
    scopes: list[str] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    #: Networks that the key may be used from, as `10.0.0.0/8`; None stands for anywhere.
    networks: list[str] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    #: How often the key may be used, as `100/minute`; None stands for as often as anybody.
    rate_limit: str | None = Field(default=None, max_length=100)
    #: Whether the key may make, change and end credentials of its owner.
    manages_credentials: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    #: The key that has replaced this one. No foreign key: that one may be gone before.
    successor_id: uuid.UUID | None = None


class AuditEntry(SQLModel, table=True):
    """Something that happened, written in the transaction in which it happened."""

    __tablename__ = "backoffice_audit"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="pk_backoffice_audit"),
        Index("uq_backoffice_audit_number", "number", unique=True),
        Index("ix_backoffice_audit_at", "at"),
        Index("ix_backoffice_audit_subject", "subject"),
    )

    id: uuid.UUID = _id()
    at: datetime
    event: str = Field(max_length=64)
    #: Who did it: `user:<id>`, `cli:<name>`; empty for somebody unknown.
    actor: str = Field(default="", max_length=128)
    #: Whom or what it was done to, such as `user:<id>` or `role:editor`.
    subject: str = Field(default="", max_length=128)
    address: str = Field(default="", max_length=64)
    data: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    #: Its place in the chain, without a gap; None for entries from before there was one.
    number: int | None = None
    #: Of the entry and the digest before it, in hex, by a key that is not in the database.
    digest: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": text("''")})
    #: `success`, or `failure` where it was refused.
    outcome: str = Field(
        default="success", max_length=16, sa_column_kwargs={"server_default": "success"}
    )
    #: The id of the request that caused it, where the app names its requests.
    request_id: str = Field(
        default="", max_length=128, sa_column_kwargs={"server_default": text("''")}
    )


class AuditHead(SQLModel, table=True):
    """The end of the audit log's chain: whoever adds an entry holds this one row."""

    __tablename__ = "backoffice_audit_head"
    __table_args__ = (PrimaryKeyConstraint("id", name="pk_backoffice_audit_head"),)

    #: Always 1.
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    number: int = 0
    digest: str = Field(default="", max_length=64)
    #: Of number and digest, by the same key: the last entries cannot be taken away unseen.
    seal: str = Field(default="", max_length=64)


class Revocation(SQLModel, table=True):
    """Something was taken from somebody; processes read these to know what they must forget."""

    __tablename__ = "backoffice_revocation"
    __table_args__ = (PrimaryKeyConstraint("number", name="pk_backoffice_revocation"),)

    #: In the order of the commits, without a gap.
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    #: From whom; None stands for everybody. No foreign key: the user may be gone.
    user_id: uuid.UUID | None = Field(default=None, sa_type=UserKey)
    at: datetime


class Ticket(SQLModel, table=True):
    """A ticket for one websocket, of the session or the key that asked for it."""

    __tablename__ = "backoffice_ticket"
    __table_args__ = (
        PrimaryKeyConstraint("digest", name="pk_backoffice_ticket"),
        ForeignKeyConstraint(
            ["session_id"],
            ["backoffice_session.id"],
            name="fk_backoffice_ticket_session",
            ondelete="CASCADE",
        ),
        ForeignKeyConstraint(
            ["key_id"],
            ["backoffice_api_key.id"],
            name="fk_backoffice_ticket_key",
            ondelete="CASCADE",
        ),
        Index("ix_backoffice_ticket_session", "session_id"),
        Index("ix_backoffice_ticket_key", "key_id"),
        Index("ix_backoffice_ticket_expires_at", "expires_at"),
    )

    #: SHA-256 of the ticket, which has 192 bits of chance.
    digest: str = Field(max_length=64, primary_key=True, repr=False)
    session_id: uuid.UUID | None = None
    key_id: uuid.UUID | None = None
    expires_at: datetime


class LinkToken(SQLModel, table=True):
    """What a link in a mail is good for, once."""

    __tablename__ = "backoffice_link_token"
    __table_args__ = (
        PrimaryKeyConstraint("digest", name="pk_backoffice_link_token"),
        ForeignKeyConstraint(
            ["user_id"],
            ["backoffice_user.id"],
            name="fk_backoffice_link_token_user",
            ondelete="CASCADE",
        ),
        Index("ix_backoffice_link_token_user", "user_id"),
        Index("ix_backoffice_link_token_expires_at", "expires_at"),
    )

    #: SHA-256 of the token, which has 256 bits of chance.
    digest: str = Field(max_length=64, primary_key=True, repr=False)
    user_id: uuid.UUID = Field(sa_type=UserKey)
    #: `verify`, `reset` or `address`.
    purpose: str = Field(max_length=16)
    #: The address that it was sent to, which is proved by it.
    email: str = Field(max_length=320)
    expires_at: datetime


class LinkRequest(SQLModel, table=True):
    """Somebody asked for a link; whether there is an account is not known yet."""

    __tablename__ = "backoffice_link_request"
    __table_args__ = (
        PrimaryKeyConstraint("id", name="pk_backoffice_link_request"),
        Index("ix_backoffice_link_request_at", "at"),
    )

    id: uuid.UUID = _id()
    #: `verify`, `reset`, `address` or `registered`.
    asked: str = Field(max_length=16)
    email: str = Field(max_length=320)
    #: Whose address is to change. No foreign key: the account may be gone by then.
    user_id: uuid.UUID | None = Field(default=None, sa_type=UserKey)
    #: The client's.
    address: str = Field(default="", max_length=64)
    at: datetime


class UserImport(SQLModel, table=True):
    """How far a file of accounts was imported: written in the transaction of each batch."""

    __tablename__ = "backoffice_user_import"
    __table_args__ = (PrimaryKeyConstraint("digest", name="pk_backoffice_user_import"),)

    #: SHA-256, in hex, of the file's content and of how it is read.
    digest: str = Field(max_length=64, primary_key=True)
    #: The last line that is done.
    line: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    refused: int = 0
    started_at: datetime
    finished_at: datetime | None = None
