"""The matrix: which role allows which permission, by itself or by something else that it has.

A page shows as many roles and permissions as one form may well send; links lead to the others.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlmodel import col
from starlette.exceptions import HTTPException
from starlette.requests import Request

from backoffice.admin.accounts.roles import RoleView
from backoffice.admin.visits import visit_of
from backoffice.auth import Principal, Role
from backoffice.auth.permissions import EVERYTHING, grants
from backoffice.auth.reach import giving
from backoffice.auth.role_effects import reached

#: What one page shows at most: fewer cells than a form may have fields.
MOST_ROLES, MOST_ROWS = 8, 100
#: Above the permissions of no resource.
ALL = "Everything"


@dataclass(frozen=True)
class Cell:
    """Whether a role allows a permission by itself, and by what else it does."""

    value: str
    label: str
    own: bool
    locked: bool
    by: str


@dataclass(frozen=True)
class Row:
    """A permission, or a pattern that stands for several."""

    permission: str
    description: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Group:
    """The permissions of a resource."""

    resource: str
    rows: Sequence[Row]


@dataclass(frozen=True)
class Column:
    """A role; `stood` tells a form what of it the page has offered to be changed, and was so."""

    id: uuid.UUID
    name: str
    description: str
    includes: Sequence[str]
    locked: bool
    stood: str


@dataclass(frozen=True)
class Shown:
    """One page of the matrix, and where the others are."""

    columns: Sequence[Column]
    groups: Sequence[Group]
    resources: Sequence[str]
    #: The name of the last role before the next ones, and the next resource, if there are more.
    more_roles: str
    more_rows: str

    @property
    def changeable(self) -> bool:
        """Whether anything here may be changed."""
        return any(
            not cell.locked for group in self.groups for row in group.rows for cell in row.cells
        )


@dataclass(frozen=True)
class Roles:
    """The roles that somebody may see, with what they have; all, by their ids."""

    all: Mapping[uuid.UUID, tuple[Role, frozenset[str]]]
    included: Mapping[uuid.UUID, Collection[uuid.UUID]]
    visible: frozenset[uuid.UUID]

    @classmethod
    async def of(cls, view: RoleView, request: Request) -> "Roles":
        """As they are now; 403 where their permissions may not be read."""
        field = next(each for each in view.fields if each.name == "permissions")
        if not view.is_readable(request, field):
            raise HTTPException(403, "You may not see what roles allow.")
        seen = await view.executed(request, view.within(request, select(col(Role.id)), "view"))
        visible = frozenset(seen.scalars().all())
        services = await view.services(request)
        found = {role.id: (role, frozenset(own)) for role, own in await services.roles.all()}
        ids = {role.name: id for id, (role, _) in found.items()}
        names = await services.roles.inclusions()
        included = {
            id: [ids[each] for each in others if each in ids] for id, others in names.items()
        }
        return cls(found, included, visible & found.keys())

    def by(self, id: uuid.UUID, permission: str) -> str:
        """By what else than itself a role allows it, in words; empty if by nothing."""
        own = self.all[id][1] - {permission}
        if grants(own, permission):
            return f"by {next(each for each in _wider(permission) if each in own)}"
        others = [each for each in reached(id, self.included) - {id} if each in self.all]
        giving_it = [each for each in others if grants(self.all[each][1], permission)]
        names = sorted(self.all[each][0].name for each in giving_it if each in self.visible)
        if names:
            return f"by {names[0]}"
        return "by another role" if giving_it else ""


async def matrix(view: RoleView, request: Request) -> Shown:
    """The page that the address asks for."""
    query, visit = request.query_params, visit_of(request)
    roles = await Roles.of(view, request)
    wanted, after = query.get("q", "").strip().lower(), query.get("after", "")
    found = [
        role
        for role, _ in roles.all.values()
        if role.id in roles.visible and role.name > after and wanted in role.name.lower()
    ]
    # In the order in which names are compared here: that of a database may be another.
    listed = sorted(found, key=lambda role: role.name)
    shown, names = listed[:MOST_ROLES], _permissions(visit.services.catalogue.all(), roles)
    resources = list(dict.fromkeys(map(_resource, names)))
    picked, more = _picked(names, query.get("of", ""), query.get("from", ""))
    cells = await _Cells.of(view, request, roles, shown)
    described = {each.name: each.description for each in visit.services.catalogue.all()}
    rows = [
        Row(each, described.get(each, ""), [cells.cell(role, each) for role in shown])
        for each in picked
    ]
    return Shown(
        [cells.column(role, picked) for role in shown],
        [
            Group(name, list(group))
            for name, group in groupby(rows, lambda row: _resource(row.permission))
        ],
        resources,
        shown[-1].name if len(listed) > len(shown) else "",
        more,
    )


@dataclass(frozen=True)
class _Cells:
    """What somebody may change, and what there is."""

    roles: Roles
    taker: Principal
    giver: Principal
    open: frozenset[uuid.UUID]

    @classmethod
    async def of(
        cls, view: RoleView, request: Request, roles: Roles, shown: Sequence[Role]
    ) -> "_Cells":
        principal = view.principal(request)
        field = next(each for each in view.fields if each.name == "permissions")
        within: set[Any] = set()
        if view.can_edit(request) and view.is_writable(request, field):
            judged = await view.judged(request, "change", shown)
            open_ones = [role.id for role, may in zip(shown, judged, strict=True) if may]
            within = await view.within_reach(request) & set(open_ones)
        services = await view.services(request)
        return cls(roles, principal, await giving(principal, services), frozenset(within))

    def cell(self, role: Role, permission: str) -> Cell:
        own = permission in self.roles.all[role.id][1]
        return Cell(
            f"{role.id} {permission}",
            f"{role.name}: {permission}",
            own,
            self._locked(role, permission),
            self.roles.by(role.id, permission),
        )

    def column(self, role: Role, permissions: Sequence[str]) -> Column:
        own = self.roles.all[role.id][1]
        stood = [each for each in permissions if each in own and not self._locked(role, each)]
        includes = [
            self.roles.all[each][0].name
            for each in self.roles.included.get(role.id, ())
            if each in self.roles.visible
        ]
        return Column(
            role.id,
            role.name,
            role.description,
            includes,
            role.id not in self.open,
            " ".join((str(role.id), *stood)),
        )

    def _locked(self, role: Role, permission: str) -> bool:
        own = permission in self.roles.all[role.id][1]
        who = self.taker if own else self.giver
        return role.id not in self.open or not who.can(permission)


def _permissions(known: Sequence[Any], roles: Roles) -> list[str]:
    """Everything, then by resource: the pattern, and each that the app knows or a role has."""
    names = {each.name for each in known}
    for id in roles.visible:
        names |= roles.all[id][1]
    names |= {f"{_resource(each)}:*" for each in names if each != EVERYTHING}
    # An asterisk sorts before all letters.
    return sorted(names | {EVERYTHING}, key=lambda each: (each != EVERYTHING, each.split(":")))


def _picked(names: Sequence[str], resource: str, start: str) -> tuple[list[str], str]:
    """Those of one resource, or of as many as one page shows; the resource that comes next."""
    if resource:
        return [each for each in names if _resource(each) == resource][:MOST_ROWS], ""
    found: list[str] = []
    started = not start
    for name, group in groupby(names, _resource):
        some = list(group)
        started = started or name == start
        if started and found and len(found) + len(some) > MOST_ROWS:
            return found, name
        found += some[:MOST_ROWS] if started else []
    return found, ""


def _resource(permission: str) -> str:
    return ALL if permission == EVERYTHING else permission.partition(":")[0]


def _wider(permission: str) -> tuple[str, str]:
    return f"{permission.partition(':')[0]}:*", EVERYTHING
