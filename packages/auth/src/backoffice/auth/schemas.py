"""What crosses HTTP: bodies of requests and answers."""

import uuid
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from backoffice.auth.addresses import normal_email
from backoffice.auth.models import ApiKey, User, UserSession
from backoffice.auth.password_hashes import MAX_LENGTH
from backoffice.auth.permissions import parsed
from backoffice.core import InvalidInput

#: Longer ones are refused before they reach the hasher.
MAX_PASSWORD_TEXT = MAX_LENGTH
#: Ten years in seconds; the setting `key_overlap` says how long it may be.
MAX_OVERLAP = 315_360_000


def _email(value: str) -> str:
    try:
        return normal_email(value)
    except InvalidInput as error:
        raise ValueError(error.message) from None


def _permission(value: str) -> str:
    try:
        return parsed(value)
    except InvalidInput as error:
        raise ValueError(error.message) from None


Email = Annotated[str, Field(max_length=320), AfterValidator(_email)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=MAX_PASSWORD_TEXT)]


class Body(BaseModel):
    """A request's body; a field that we do not know is refused, not dropped."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Registration(Body):
    """`POST /register`."""

    email: Email
    password: Password


class Accepted(BaseModel):
    """The answer that says nothing but that the request arrived."""

    message: str


class LinkAsked(Body):
    """`POST /forgot-password` and `POST /request-verify`."""

    email: Email


class LinkTaken(Body):
    """`POST /verify`."""

    token: str = Field(max_length=200, repr=False)


class PasswordReset(LinkTaken):
    """`POST /reset-password`."""

    password: Password


class AddressChange(Body):
    """`PATCH /me`: the new address counts once it is proved by the link that is sent to it."""

    email: Email
    current_password: Password


class Farewell(Body):
    """`DELETE /me`."""

    current_password: Password


class Refresh(Body):
    """`POST /refresh`."""

    refresh_token: str = Field(max_length=200, repr=False)


class Tokens(BaseModel):
    """The answer of `POST /login` and `POST /refresh`; `expires_in` in seconds (RFC 6749, 5.1)."""

    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    token_type: str = "bearer"  # noqa: S105
    expires_in: int


class Me(BaseModel):
    """The caller's own account."""

    id: uuid.UUID
    email: str
    is_verified: bool
    is_superuser: bool
    created_at: datetime
    method: str
    permissions: list[str]

    @classmethod
    def of(cls, user: User, method: str, permissions: frozenset[str]) -> Self:
        """The account as its owner sees it."""
        return cls(
            id=user.id,
            email=user.email,
            is_verified=user.is_verified,
            is_superuser=user.is_superuser,
            created_at=user.created_at,
            method=method,
            permissions=sorted(permissions),
        )


class AdoptedMe(Me):
    """The same of a table that the app had before: its key, and perhaps no date."""

    id: uuid.UUID | int  # type: ignore[assignment]
    created_at: datetime | None  # type: ignore[assignment]


class PasswordChange(Body):
    """`POST /me/password`."""

    current_password: Password
    new_password: Password


class Reauthentication(Body):
    """`POST /reauthenticate`."""

    password: Password


class TokenStatus(BaseModel):
    """The answer of `POST /introspect` (RFC 7662, 2.2); of a token that is not good: `active`."""

    active: bool
    token_type: str | None = None
    token_use: str | None = None
    scope: str | None = None
    sub: str | None = None
    username: str | None = None
    iss: str | None = None
    aud: str | None = None
    iat: int | None = None
    exp: int | None = None
    auth_time: int | None = None
    jti: str | None = None
    sid: str | None = None


class SessionOut(BaseModel):
    """One of the caller's sessions; `current` is the one that asks."""

    id: uuid.UUID
    kind: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    current: bool

    @classmethod
    def of(cls, session: UserSession, current: uuid.UUID | None) -> "SessionOut":
        """The session as its owner sees it."""
        return cls(current=session.id == current, **session.model_dump(include=_SESSION_FIELDS))


_SESSION_FIELDS = set(SessionOut.model_fields) - {"current"}


class NewKey(Body):
    """`POST /api-keys`; without `scopes` the key may do all that its owner may."""

    name: str = Field(min_length=1, max_length=100)
    scopes: list[Annotated[str, AfterValidator(_permission)]] | None = Field(None, max_length=200)
    expires_at: AwareDatetime | None = None
    networks: list[Annotated[str, Field(max_length=50)]] | None = Field(None, max_length=50)
    rate_limit: str | None = Field(None, max_length=100)
    #: For somebody signed in to give, never for a key.
    manages_credentials: bool = False


class Rotation(Body):
    """`POST /api-keys/{id}/rotate`: how long the old key goes on; 0 ends it at once."""

    overlap_seconds: int = Field(3600, ge=0, le=MAX_OVERLAP)


class KeyOut(BaseModel):
    """An API key as its owner sees it: never the secret."""

    id: uuid.UUID
    name: str
    prefix: str
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    networks: list[str] | None
    rate_limit: str | None
    manages_credentials: bool
    #: The key that has replaced this one, which goes on until `expires_at`.
    successor_id: uuid.UUID | None

    @classmethod
    def of(cls, key: ApiKey) -> "KeyOut":
        """The key without its digest."""
        return cls(**key.model_dump(include=set(KeyOut.model_fields)))


class KeyCreated(KeyOut):
    """The answer that shows the key, this once."""

    key: str = Field(repr=False)

    @classmethod
    def with_text(cls, key: ApiKey, text: str) -> "KeyCreated":
        """The key and its text."""
        return cls(key=text, **KeyOut.of(key).model_dump())


class KeyRotated(KeyCreated):
    """The successor, shown this once; the key that it replaces is good until `replaced_until`."""

    replaced_id: uuid.UUID
    replaced_until: datetime

    @classmethod
    def of_both(cls, old: ApiKey, key: ApiKey, text: str) -> "KeyRotated":
        """The old key and its successor."""
        return cls(
            replaced_id=old.id,
            replaced_until=min(each for each in (old.revoked_at, old.expires_at) if each),
            **KeyCreated.with_text(key, text).model_dump(),
        )


class TicketOut(BaseModel):
    """The answer of `POST /ws-ticket`; `expires_in` in seconds."""

    ticket: str = Field(repr=False)
    expires_in: int
