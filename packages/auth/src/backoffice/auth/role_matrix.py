"""Which role allows which permission: by itself, or by another role that it includes."""

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from backoffice.auth.permissions import EVERYTHING, grants
from backoffice.auth.services import Services
from backoffice.auth.user_files.columns import guarded
from backoffice.core import NotFound

How = Literal["own", "included"]
_MARKS = {"own": "x", "included": "i", None: "."}


@dataclass(frozen=True)
class Matrix:
    """Roles and permissions in order, and how each role allows each permission."""

    roles: Sequence[str]
    permissions: Sequence[str]
    #: By permission and role; what is not allowed is left out.
    allowed: dict[tuple[str, str], How]

    def text(self) -> str:
        """For people: a line for each permission, a column for each role."""
        width = max(map(len, ("PERMISSION", *self.permissions)))
        head = "  ".join(("PERMISSION".ljust(width), *self.roles)).rstrip()
        return "\n".join((head, *(self._line(each, width) for each in self.permissions)))

    def csv(self) -> str:
        """For spreadsheets: `own`, `included`, or nothing."""
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(map(guarded, ("permission", *self.roles)))
        for permission in self.permissions:
            rows.writerow([permission, *(self.how(permission, each) or "" for each in self.roles)])
        return text.getvalue()

    def data(self) -> list[dict[str, object]]:
        """For programs: each role with what it allows."""
        return [
            {
                "role": role,
                "allows": {each: how for each in self.permissions if (how := self.how(each, role))},
            }
            for role in self.roles
        ]

    def how(self, permission: str, role: str) -> How | None:
        """How the role allows it."""
        return self.allowed.get((permission, role))

    def _line(self, permission: str, width: int) -> str:
        cells = (_MARKS[self.how(permission, each)].ljust(len(each)) for each in self.roles)
        return "  ".join((permission.ljust(width), *cells)).rstrip()


async def matrix(
    services: Services, only: Collection[str] = (), resources: Collection[str] = ()
) -> Matrix:
    """Of all roles or these, and of all permissions that the app knows or a role has, or of those
    of these resources."""
    found = await services.roles.all()
    if missing := set(only) - {role.name for role, _ in found}:
        raise NotFound(f"there is no role {min(missing)!r}")
    chosen = [(role, own) for role, own in found if not only or role.name in only]
    effective = await services.effective.of_roles([role.id for role, _ in chosen])
    known = {each.name for each in services.catalogue.all()}
    # A pattern is no permission, but for one that covers none which is known any more.
    held = {each for all_of in effective.values() for each in all_of if not _covers(each, known)}
    permissions = sorted(
        each for each in known | held if not resources or each.partition(":")[0] in resources
    )
    allowed: dict[tuple[str, str], How] = {}
    for role, own in chosen:
        sets: dict[How, frozenset[str]] = {
            "own": frozenset(own),
            "included": effective[role.id],
        }
        for permission in permissions:
            how = next((how for how, each in sets.items() if grants(each, permission)), None)
            if how is not None:
                allowed[permission, role.name] = how
    return Matrix([role.name for role, _ in chosen], permissions, allowed)


def _covers(pattern: str, known: Collection[str]) -> bool:
    if pattern == EVERYTHING:
        return True
    return pattern.endswith(":*") and any(grants(frozenset({pattern}), each) for each in known)
