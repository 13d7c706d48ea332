"""What other cells of the matrix would give and take, before they are so: of roles, of people.

A cell is whether a role allows a permission by itself. Of two who change cells at once each changes
those that they mean: there is nothing to overwrite. What follows from it may be something else by
then, so that `changed` makes only what was foreseen.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, false
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import role_records
from backoffice.auth.holdings import in_force
from backoffice.auth.models import Role, RoleInclusion, User, UserPermission, UserRole
from backoffice.auth.permissions import EVERYTHING, grants
from backoffice.auth.services import Services
from backoffice.core import Conflict

Allowances = Mapping[uuid.UUID, frozenset[str]]


@dataclass(frozen=True, order=True)
class Cell:
    """Whether a role is to allow a permission by itself."""

    role: uuid.UUID
    permission: str
    allow: bool


@dataclass(frozen=True)
class Effect:
    """What somebody, or a role, could do besides, and could do no more."""

    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.gains or self.loses)


@dataclass(frozen=True)
class Foresight:
    """What would come of cells that are not so yet."""

    #: In order; those that are so already are left out.
    cells: tuple[Cell, ...]
    names: Mapping[uuid.UUID, str]
    #: What each role allows by itself afterwards.
    own: Allowances
    #: With all that it includes.
    before: Allowances
    after: Allowances
    #: The permissions that the app knows.
    known: frozenset[str]

    @property
    def touched(self) -> frozenset[uuid.UUID]:
        """The roles whose cells change."""
        return frozenset(each.role for each in self.cells)

    @property
    def affected(self) -> frozenset[uuid.UUID]:
        """The roles that allow something else afterwards: by themselves, or by another role."""
        return frozenset(id for id in self.after if self.before[id] != self.after[id])

    def roles(self) -> list[tuple[str, Effect]]:
        """The effect on each role, with all that it includes, by name."""
        found = [
            (self.names[id], effect(self.before[id], self.after[id], self.known))
            for id in self.affected
        ]
        return sorted((each for each in found if each[1]), key=lambda each: each[0])


async def foreseen(services: Services, session: AsyncSession, wanted: Iterable[Cell]) -> Foresight:
    """What these cells would do, as the session sees the roles; NotFound for a role that is not."""
    names = dict((await session.exec(select(Role.id, Role.name))).all())
    own = {id: set[str]() for id in names}
    for id, held in (await role_records.permissions_by_role(session)).items():
        own[id] = set(held)
    cells = []
    for each in sorted(set(wanted)):
        if each.role not in names:
            await role_records.existing(session, each.role)
        elif (each.permission in own[each.role]) != each.allow:
            cells.append(each)
    before = {id: frozenset(held) for id, held in own.items()}
    for each in cells:
        (own[each.role].add if each.allow else own[each.role].discard)(each.permission)
    after = {id: frozenset(held) for id, held in own.items()}
    included = await _included(session)
    return Foresight(
        tuple(cells),
        names,
        after,
        with_included(before, included),
        with_included(after, included),
        frozenset(each.name for each in services.catalogue.all()),
    )


def holders(services: Services, found: Foresight) -> ColumnElement[bool]:
    """That a user holds a role that allows something else afterwards, and is no superuser."""
    if not found.affected:
        return false()
    user, now = services.records.user, services.clock.now()
    held = select(UserRole.user_id).where(
        in_force(UserRole, now), col(UserRole.role_id).in_(found.affected)
    )
    return col(user.id).in_(held) & col(user.is_superuser).is_(False)


async def of_users(
    services: Services, session: AsyncSession, found: Foresight, users: Sequence[User]
) -> list[Effect]:
    """The effect on each of these users, with all that they hold besides."""
    ids, now = [each.id for each in users], services.clock.now()
    roles = select(UserRole.user_id, UserRole.role_id).where(
        in_force(UserRole, now), col(UserRole.user_id).in_(ids)
    )
    direct = select(UserPermission.user_id, UserPermission.permission).where(
        in_force(UserPermission, now), col(UserPermission.user_id).in_(ids)
    )
    held: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    given: dict[uuid.UUID, set[str]] = defaultdict(set)
    for user_id, role in (await session.exec(roles)).all():
        held[user_id].append(role)
    for user_id, permission in (await session.exec(direct)).all():
        given[user_id].add(permission)
    return [
        Effect()
        if each.is_superuser
        else effect(
            _together(found.before, held[each.id], given[each.id]),
            _together(found.after, held[each.id], given[each.id]),
            found.known,
        )
        for each in users
    ]


async def changed(services: Services, found: Foresight, *, actor: str) -> None:
    """Make the cells be so, all at once or not at all.

    Conflict `role_changed_meanwhile` where something else would come of them by now, and
    `last_administrator` where nobody would be left to run the back office.
    """
    if not found.cells:
        # It may be so since just now, by somebody who still waits for it to hold.
        await services.revocations.settled()
        return
    async with services.administrators.changing_roles() as session:
        if await foreseen(services, session, found.cells) != found:
            raise Conflict(
                "somebody else has changed roles just now; look again at what would come of it",
                code="role_changed_meanwhile",
            )
        for id in sorted(found.touched):
            role = await role_records.existing(session, id)
            wanted = sorted(found.own[id])
            await services.roles.change_in(session, role, permissions=wanted, actor=actor)


def with_included(
    own: Allowances, included: Mapping[uuid.UUID, Collection[uuid.UUID]]
) -> dict[uuid.UUID, frozenset[str]]:
    """What each role allows with all that it includes, at any depth."""
    return {
        id: frozenset[str]().union(*(own.get(each, frozenset()) for each in reached(id, included)))
        for id in own
    }


def reached(id: uuid.UUID, included: Mapping[uuid.UUID, Collection[uuid.UUID]]) -> set[uuid.UUID]:
    """A role, and all that it includes at any depth; a circle, made by hand, ends as well."""
    found, ahead = {id}, [id]
    while ahead:
        more = set(included.get(ahead.pop(), ())) - found
        found |= more
        ahead += more
    return found


def effect(before: frozenset[str], after: frozenset[str], known: frozenset[str]) -> Effect:
    """What of one set of patterns is not in the other, in permissions that are known."""
    return Effect(_more(after, before, known), _more(before, after, known))


def _more(these: frozenset[str], than: frozenset[str], known: frozenset[str]) -> tuple[str, ...]:
    """What these grant, and those do not: a pattern where all that it covers is new."""
    concrete = {each for each in known | these if not each.endswith("*")}
    new = {each for each in concrete if grants(these, each) and not grants(than, each)}
    for pattern in sorted(each for each in these - than if each.endswith("*")):
        if grants(than, pattern):
            continue
        covered = {each for each in concrete if grants(frozenset({pattern}), each)}
        if covered <= new or not covered & new:
            new = (new - covered) | {pattern}
    return (EVERYTHING,) if EVERYTHING in new else tuple(sorted(new))


def _together(
    allowed: Allowances, roles: Iterable[uuid.UUID], direct: Iterable[str]
) -> frozenset[str]:
    return frozenset(direct).union(*(allowed.get(each, frozenset()) for each in roles))


async def _included(session: AsyncSession) -> dict[uuid.UUID, list[uuid.UUID]]:
    found: dict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    pairs = await session.exec(select(RoleInclusion.role_id, RoleInclusion.included_id))
    for id, other in pairs.all():
        found[id].append(other)
    return dict(found)
