"""What users were given: roles and permissions, for good or for a while."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request

from backoffice.auth.principals import Principal
from backoffice.auth.reach import check_permissions, check_roles, check_user, giving
from backoffice.auth.role_schemas import EffectiveOut, Grant, Permission, RoleHeld, RoleName
from backoffice.auth.routes.answers import managed_user, noted
from backoffice.core import NotFound

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes of grants."""
    _add_roles(router, auth)
    _add_permissions(router, auth)


def _add_roles(router: APIRouter, auth: "Auth") -> None:
    services, may_change = auth.services, auth.require("users:change")

    @router.get("/users/{id}/roles", dependencies=[auth.require("users:view", "roles:view")])
    async def roles_held(request: Request, id: str) -> list[RoleHeld]:
        """The roles that a user was given and holds now, and until when."""
        found = services.of(request)
        held = await found.roles.held_by((await managed_user(found, id)).id)
        return [RoleHeld(name=name, expires_at=until) for name, until in held]

    @router.put("/users/{id}/roles/{name:path}", status_code=204)
    async def grant_role(
        request: Request,
        id: str,
        name: RoleName,
        body: Grant,
        who: Annotated[Principal, may_change],
    ) -> None:
        """Give a user a role, until then; one that they hold, they hold until then."""
        found = services.of(request)
        user, role = await managed_user(found, id), await found.roles.find(name)
        with noted(request, who):
            await check_user(who, found, user)
            await check_roles(await giving(who, found, body.expires_at), found, [role.name])
        await found.roles.grant(user.id, name, body.expires_at, actor=who.name)

    @router.delete("/users/{id}/roles/{name:path}", status_code=204)
    async def revoke_role(
        request: Request, id: str, name: RoleName, who: Annotated[Principal, may_change]
    ) -> None:
        """Take a role from a user, at once."""
        found = services.of(request)
        user, role = await managed_user(found, id), await found.roles.find(name)
        with noted(request, who):
            await check_user(who, found, user)
            await check_roles(who, found, [role.name])
        if not await found.roles.revoke(user.id, name, actor=who.name):
            raise NotFound(f"the user does not hold the role {name!r}")


def _add_permissions(router: APIRouter, auth: "Auth") -> None:
    services, may_change = auth.services, auth.require("users:change")

    @router.get(
        "/users/{id}/permissions", dependencies=[auth.require("users:view", "permissions:view")]
    )
    async def effective_set(request: Request, id: str) -> EffectiveOut:
        """What a user may do now, and how each permission came to them."""
        found = services.of(request)
        user = await managed_user(found, id)
        return EffectiveOut.of(await found.effective.of_user(user.id))

    @router.put("/users/{id}/permissions/{permission}", status_code=204)
    async def give_permission(
        request: Request,
        id: str,
        permission: Permission,
        body: Grant,
        who: Annotated[Principal, may_change],
    ) -> None:
        """Give a user a permission by no role, until then."""
        found = services.of(request)
        user = await managed_user(found, id)
        with noted(request, who):
            await check_user(who, found, user)
            check_permissions(await giving(who, found, body.expires_at), [permission])
        await found.grants.give(user.id, permission, body.expires_at, actor=who.name)

    @router.delete("/users/{id}/permissions/{permission}", status_code=204)
    async def take_permission(
        request: Request, id: str, permission: Permission, who: Annotated[Principal, may_change]
    ) -> None:
        """Take a permission from a user that they hold by no role, at once."""
        found = services.of(request)
        user = await managed_user(found, id)
        with noted(request, who):
            await check_user(who, found, user)
            check_permissions(who, [permission])
        if not await found.grants.take(user.id, permission, actor=who.name):
            raise NotFound(f"the user holds {permission} by no grant of their own")
