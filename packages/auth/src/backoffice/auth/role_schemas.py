"""What crosses HTTP of roles, permissions and grants."""

import uuid
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from backoffice.auth.effective import EffectiveSet, Path
from backoffice.auth.models import Role, User
from backoffice.auth.permissions import parsed
from backoffice.auth.schemas import Body
from backoffice.core import InvalidInput

#: Of a role: more than any app asks for, and few enough to read.
_MOST_PERMISSIONS, _MOST_INCLUDED = 2000, 200


def _formed(value: str) -> str:
    try:
        return parsed(value)
    except InvalidInput as error:
        raise ValueError(error.message) from None


def _printable(value: str) -> str:
    """What is no role's name may be what no database takes."""
    if not value.isprintable():
        raise ValueError("no role has such a name")
    return value


Permission = Annotated[str, Field(max_length=128), AfterValidator(_formed)]
Permissions = Annotated[list[Permission], Field(max_length=_MOST_PERMISSIONS)]
RoleName = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
Included = Annotated[list[RoleName], Field(max_length=_MOST_INCLUDED)]


class NewRole(Body):
    """`POST /roles`."""

    name: RoleName
    description: str = Field("", max_length=500)
    permissions: Permissions = Field(default_factory=list)
    #: The names of other roles: who holds this one may do all that they allow.
    includes: Included = Field(default_factory=list)


class RoleChange(Body):
    """`PATCH /roles/{id}`: what is left out stays as it is."""

    name: RoleName | None = None
    description: str | None = Field(None, max_length=500)
    permissions: Permissions | None = None
    includes: Included | None = None


class RoleOut(BaseModel):
    """A role, with what it has by itself."""

    id: uuid.UUID
    name: str
    description: str
    permissions: list[str]
    includes: list[str]

    @classmethod
    def of(cls, role: Role, permissions: list[str], includes: list[str]) -> Self:
        """The role as those see it who may see roles."""
        return cls(
            id=role.id,
            name=role.name,
            description=role.description,
            permissions=permissions,
            includes=includes,
        )


class RoleDetail(RoleOut):
    """A role, and all that it allows with what it includes."""

    allows: list[str]


class PermissionOut(BaseModel):
    """A permission that the app knows; `source` is what declares it, or asks for it."""

    name: str
    description: str
    source: str


class HolderOut(BaseModel):
    """Somebody who may do something."""

    id: uuid.UUID | int
    email: str

    @classmethod
    def of(cls, user: User) -> Self:
        """The account, by its key and address."""
        return cls(id=user.id, email=user.email)


class PathOut(BaseModel):
    """How a permission came to a user; `roles` leads from the one given to the one that has it."""

    kind: Literal["superuser", "direct", "role"]
    granted: str
    roles: list[str]
    expires_at: datetime | None

    @classmethod
    def of(cls, path: Path) -> Self:
        """The way, as it is told."""
        return cls(
            kind=path.kind,
            granted=path.granted,
            roles=list(path.roles),
            expires_at=path.expires_at,
        )


class EffectiveOut(BaseModel):
    """What a user may do now, and how it came to them; one who is not active may do none of it."""

    active: bool
    permissions: list[str]
    roles: list[str]
    #: When the first of the grants runs out.
    changes_at: datetime | None
    ways: list[PathOut]

    @classmethod
    def of(cls, found: EffectiveSet) -> Self:
        """The set, with all the ways to it."""
        return cls(
            active=found.active,
            permissions=sorted(found.permissions),
            roles=sorted(found.roles),
            changes_at=found.changes_at,
            ways=[PathOut.of(each) for each in found.ways],
        )


class Grant(Body):
    """`PUT /users/{id}/roles/{name}` and `.../permissions/{permission}`: for how long."""

    expires_at: AwareDatetime | None = None


class RoleHeld(BaseModel):
    """A role that a user was given, and until when."""

    name: str
    expires_at: datetime | None
