"""Roles and permissions, for those who manage them: nobody gives or takes more than they hold."""

import uuid
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request

from backoffice.auth.models import Role
from backoffice.auth.principals import Principal
from backoffice.auth.reach import check_permissions, check_role, check_roles, giving
from backoffice.auth.role_schemas import (
    HolderOut,
    NewRole,
    Permission,
    PermissionOut,
    RoleChange,
    RoleDetail,
    RoleOut,
)
from backoffice.auth.routes.answers import noted
from backoffice.auth.services import Services

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
After = Annotated[
    str, Query(max_length=320, pattern=r"^[^\x00]*$", description="The last one before.")
]


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes of roles and permissions."""
    _add_reading(router, auth)
    _add_changing(router, auth)
    _add_permissions(router, auth)


def _add_reading(router: APIRouter, auth: "Auth") -> None:
    services, may_view = auth.services, auth.require("roles:view")

    @router.get("/roles", dependencies=[may_view])
    async def roles(request: Request, limit: Limit = 100, after: After = "") -> list[RoleOut]:
        """Roles in the order of their names; `after` is the last name of the page before."""
        found = services.of(request)
        inclusions = await found.roles.inclusions()
        return [
            RoleOut.of(role, held, inclusions.get(role.id, []))
            for role, held in await found.roles.all(limit=limit, after=after)
        ]

    @router.get("/roles/{id}", dependencies=[may_view])
    async def role(request: Request, id: uuid.UUID) -> RoleDetail:
        """A role, and all that it allows with the roles that it includes."""
        found = services.of(request)
        return await _detail(found, await found.roles.get(id))


def _add_changing(router: APIRouter, auth: "Auth") -> None:
    services = auth.services

    @router.post("/roles", status_code=201)
    async def create_role(
        request: Request, body: NewRole, who: Annotated[Principal, auth.require("roles:add")]
    ) -> RoleDetail:
        """Make a role that allows nothing but what the caller may do."""
        found = services.of(request)
        with noted(request, who):
            giver = await giving(who, found)
            check_permissions(giver, body.permissions)
            await check_roles(giver, found, body.includes)
        role = await found.roles.create(**dict(body), actor=who.name)
        return await _detail(found, role)

    @router.patch("/roles/{id}")
    async def change_role(
        request: Request,
        id: uuid.UUID,
        body: RoleChange,
        who: Annotated[Principal, auth.require("roles:change")],
    ) -> RoleDetail:
        """Change what is sent, all at once or not at all, as far as the caller may do it all."""
        found = services.of(request)
        role = await found.roles.get(id)
        with noted(request, who):
            await check_role(who, found, role)
            await _check_change(who, found, role, body)
        await found.roles.change(id, **dict(body), actor=who.name)
        return await _detail(found, await found.roles.get(id))

    @router.delete("/roles/{id}", status_code=204)
    async def delete_role(
        request: Request, id: uuid.UUID, who: Annotated[Principal, auth.require("roles:delete")]
    ) -> None:
        """Delete a role; who held it loses what it granted, at once."""
        found = services.of(request)
        role = await found.roles.get(id)
        with noted(request, who):
            await check_role(who, found, role)
        await found.roles.delete(id, actor=who.name)


def _add_permissions(router: APIRouter, auth: "Auth") -> None:
    services = auth.services

    @router.get("/permissions", dependencies=[auth.require("permissions:view")])
    async def permissions(request: Request) -> list[PermissionOut]:
        """The permissions that the app knows."""
        known = services.of(request).catalogue.all()
        return [PermissionOut.model_validate(each, from_attributes=True) for each in known]

    @router.get(
        "/permissions/{permission}/users",
        dependencies=[auth.require("permissions:view", "users:view")],
    )
    async def who_can(
        request: Request, permission: Permission, limit: Limit = 100, after: After = ""
    ) -> list[HolderOut]:
        """Those who may do it now, in the order of their addresses."""
        found = await services.of(request).effective.who_can(permission, limit, after)
        return [HolderOut.of(each) for each in found]


async def _check_change(who: Principal, found: Services, role: Role, body: RoleChange) -> None:
    giver = await giving(who, found)
    if body.permissions is not None:
        held, wanted = set(await found.roles.permissions_of(role.id)), set(body.permissions)
        check_permissions(who, held - wanted)
        check_permissions(giver, wanted - held)
    if body.includes is not None:
        included, wanted = set(await found.roles.included_in(role.id)), set(body.includes)
        await check_roles(who, found, included - wanted)
        await check_roles(giver, found, wanted - included)


async def _detail(found: Services, role: Role) -> RoleDetail:
    shown = RoleOut.of(
        role,
        await found.roles.permissions_of(role.id),
        await found.roles.included_in(role.id),
    )
    allowed = (await found.effective.of_roles([role.id])).get(role.id, frozenset())
    return RoleDetail(**dict(shown), allows=sorted(allowed))
