"""Who would be left to run the back office, were a file applied: found out by reading alone."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.administrators import Kept, Way
from backoffice.auth.effective import patterns_of
from backoffice.auth.holdings import in_force
from backoffice.auth.models import UserPermission, UserRole
from backoffice.auth.role_files.standing import Standing, together
from backoffice.auth.role_files.terms import Grants, RoleTerms, Terms
from backoffice.auth.services import Services

_NAMED_AT_ONCE = 5000


async def lost(
    services: Services, session: AsyncSession, held: Standing, wanted: Terms, *, prune: bool
) -> set[Kept]:
    """What nobody could do any more though somebody can."""
    after = _After(services, held, wanted, prune)
    kept = services.administrators.kept
    before = await kept(session)
    return before - await kept(session, after.ways) if before else set()


def granting(roles: Mapping[str, RoleTerms], patterns: Collection[str]) -> set[str]:
    """The names of the roles that allow it, by themselves or by what they include."""
    found = {name for name, role in roles.items() if not role.permissions.isdisjoint(patterns)}
    while more := {
        name
        for name, role in roles.items()
        if name not in found and not role.includes.isdisjoint(found)
    }:
        found |= more
    return found


@dataclass(frozen=True)
class _After:
    services: Services
    held: Standing
    wanted: Terms
    prune: bool

    def ways(self, permission: str, moment: datetime) -> Iterator[Way]:
        """By what somebody may do it afterwards: each is enough."""
        patterns = patterns_of(permission)
        left = self.wanted.roles if self.prune else {**self.held.terms.roles, **self.wanted.roles}
        roles = granting(left, patterns)
        id = col(self.services.records.user.id)
        for ids in together(self._named(roles, patterns, moment)):
            yield id.in_(ids)
        # Who holds what the file does not decide goes on holding it.
        others = [self.held.roles[each] for each in roles if self._is_others(each)]
        for some in together(others):
            holders = select(UserRole.user_id).where(
                in_force(UserRole, moment), col(UserRole.role_id).in_(some)
            )
            yield id.in_(holders)
        direct = select(UserPermission.user_id).where(
            in_force(UserPermission, moment), col(UserPermission.permission).in_(patterns)
        )
        # More than a statement may name are not left out: `apply` finds out.
        decided = [self._id(each) for each in islice(self.wanted.users, _NAMED_AT_ONCE)]
        yield id.in_(direct.where(col(UserPermission.user_id).not_in(decided)))

    def _named(
        self, roles: Collection[str], patterns: Collection[str], moment: datetime
    ) -> Iterator[object]:
        for name in roles:
            if name in self.wanted.roles:
                holders = self.wanted.roles[name].holders or {}
                yield from (self._id(each) for each in _lasting(holders, moment))
        for address, grants in self.wanted.users.items():
            if not set(_lasting(grants, moment)).isdisjoint(patterns):
                yield self._id(address)

    def _is_others(self, role: str) -> bool:
        decided = role in self.wanted.roles and self.wanted.roles[role].holders is not None
        return role in self.held.roles and not decided

    def _id(self, address: str) -> object:
        return self.held.users[address][0]


def _lasting(grants: Grants, moment: datetime) -> Iterator[str]:
    return (name for name, ends in grants.items() if ends is None or ends > moment)
