"""The changes that a file of roles may ask for, one kind each."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

Sign = Literal["+", "-", "~"]


@dataclass(frozen=True)
class Change:
    """One thing to do; `role` or `user` is whom it is done to."""

    #: How programs know it.
    kind: ClassVar[str]
    sign: ClassVar[Sign]

    @property
    def about(self) -> str:
        """The line under which a person finds it."""
        role: str = getattr(self, "role", "")
        return f"role {role}" if role else f"user {getattr(self, 'user', '')}"

    def __str__(self) -> str:
        return ""

    def data(self) -> dict[str, Any]:
        """The change for programs."""
        return {"change": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Created(Change):
    """A role that there is not."""

    kind = "create"
    sign: ClassVar[Sign] = "+"
    role: str


@dataclass(frozen=True)
class Deleted(Change):
    """A role that the file does not name."""

    kind = "delete"
    sign: ClassVar[Sign] = "-"
    role: str


@dataclass(frozen=True)
class Described(Change):
    """Another description."""

    kind = "describe"
    sign: ClassVar[Sign] = "~"
    role: str
    before: str
    description: str

    def __str__(self) -> str:
        before = f"{self.before!r} -> " if self.before else ""
        return f"description {before}{self.description!r}"


@dataclass(frozen=True)
class Allowed(Change):
    """A permission that a role has not."""

    kind = "allow"
    sign: ClassVar[Sign] = "+"
    role: str
    permission: str

    def __str__(self) -> str:
        return self.permission


@dataclass(frozen=True)
class Denied(Change):
    """A permission that a role should not have."""

    kind = "deny"
    sign: ClassVar[Sign] = "-"
    role: str
    permission: str

    def __str__(self) -> str:
        return self.permission


@dataclass(frozen=True)
class Included(Change):
    """A role that it should include."""

    kind = "include"
    sign: ClassVar[Sign] = "+"
    role: str
    included: str

    def __str__(self) -> str:
        return f"includes {self.included}"


@dataclass(frozen=True)
class Excluded(Change):
    """A role that it should not include."""

    kind = "exclude"
    sign: ClassVar[Sign] = "-"
    role: str
    included: str

    def __str__(self) -> str:
        return f"includes {self.included}"


@dataclass(frozen=True)
class Granted(Change):
    """Somebody who should hold a role."""

    kind = "grant"
    sign: ClassVar[Sign] = "+"
    role: str
    user: str
    expires_at: datetime | None

    def __str__(self) -> str:
        return f"held by {self.user}{until(self.expires_at)}"


@dataclass(frozen=True)
class Extended(Granted):
    """Somebody who holds it until another time."""

    kind = "extend"
    sign: ClassVar[Sign] = "~"

    def __str__(self) -> str:
        return f"{super().__str__()}{'' if self.expires_at else ' without an end'}"


@dataclass(frozen=True)
class Revoked(Change):
    """Somebody who should not hold a role."""

    kind = "revoke"
    sign: ClassVar[Sign] = "-"
    role: str
    user: str

    def __str__(self) -> str:
        return f"held by {self.user}"


@dataclass(frozen=True)
class Given(Change):
    """A permission that somebody should have directly."""

    kind = "give"
    sign: ClassVar[Sign] = "+"
    user: str
    permission: str
    expires_at: datetime | None

    def __str__(self) -> str:
        return f"{self.permission}{until(self.expires_at)}"


@dataclass(frozen=True)
class Prolonged(Given):
    """One that they have until another time."""

    kind = "prolong"
    sign: ClassVar[Sign] = "~"

    def __str__(self) -> str:
        return f"{super().__str__()}{'' if self.expires_at else ' without an end'}"


@dataclass(frozen=True)
class Taken(Change):
    """A permission that somebody should not have directly."""

    kind = "take"
    sign: ClassVar[Sign] = "-"
    user: str
    permission: str

    def __str__(self) -> str:
        return self.permission


def until(ends: datetime | None) -> str:
    """` until 2027-01-31T00:00:00Z`, or nothing where there is no end."""
    return "" if ends is None else f" until {ends.isoformat().replace('+00:00', 'Z')}"
