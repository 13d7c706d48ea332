"""What a file of roles says, whatever it is written in.

What the file names, it decides; what it does not name is not its business. A role that it names has
exactly these permissions and includes exactly these roles; who holds it is decided only where
`holders` stands there. A user that it names has exactly these permissions besides those of roles.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

#: Until when each is granted; None stands for no end.
Grants = Mapping[str, datetime | None]


@dataclass(frozen=True)
class RoleTerms:
    """What a role is."""

    description: str = ""
    permissions: frozenset[str] = frozenset()
    #: Names of the roles whose permissions it has as well.
    includes: frozenset[str] = frozenset()
    #: By address. None: not the file's business.
    holders: Grants | None = None


@dataclass(frozen=True)
class Terms:
    """Roles by name, and direct grants of permissions by the user's address."""

    roles: Mapping[str, RoleTerms] = field(default_factory=dict)
    users: Mapping[str, Grants] = field(default_factory=dict)

    @property
    def addresses(self) -> frozenset[str]:
        """Everybody whom it names."""
        holders = (each.holders or {} for each in self.roles.values())
        return frozenset(self.users).union(*holders)
