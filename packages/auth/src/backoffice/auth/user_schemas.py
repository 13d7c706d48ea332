"""What crosses HTTP of accounts, for those who manage them."""

import uuid
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from backoffice.auth.models import User
from backoffice.auth.role_schemas import RoleName
from backoffice.auth.schemas import Body, Email, Password

#: Of one account: more than anybody holds, and few enough to read.
_MOST_ROLES = 200


class UserOut(BaseModel):
    """An account as those see it who may see accounts: never its hash."""

    #: Of an adopted table the key may be an integer.
    id: uuid.UUID | int
    email: str
    is_active: bool
    is_superuser: bool
    is_verified: bool
    is_service: bool
    roles: list[str]
    #: Until then no credential of the account is good.
    locked_until: datetime | None
    #: None for a user of an adopted table who was there before.
    created_at: datetime | None

    @classmethod
    def of(cls, user: User, roles: list[str]) -> Self:
        """The account, with the names of the roles that it was given."""
        return cls(
            id=user.id,
            email=user.email,
            is_active=user.is_active,
            is_superuser=user.is_superuser,
            is_verified=user.is_verified,
            is_service=user.is_service,
            roles=roles,
            locked_until=user.locked_until,
            created_at=user.created_at,
        )


class NewAccount(Body):
    """`POST /users`: a person's with a password, or a service's without."""

    email: Email
    password: Password | None = None
    is_service: bool = False
    is_superuser: bool = False
    is_active: bool = True
    is_verified: bool = False
    roles: Annotated[list[RoleName], Field(max_length=_MOST_ROLES)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if self.is_service and (self.password is not None or self.is_superuser):
            raise ValueError("a service has no password and is no superuser; give it roles")
        if not self.is_service and self.password is None:
            raise ValueError("an account needs a password, unless it is a service (is_service)")
        return self


class AccountChange(Body):
    """`PATCH /users/{id}`: what is left out stays as it is."""

    #: Counts as unproved, unless `is_verified` is sent with it.
    email: Email | None = None
    is_active: bool | None = None
    is_superuser: bool | None = None
    is_verified: bool | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """What is to be set."""
        return self.model_dump(exclude_none=True)
