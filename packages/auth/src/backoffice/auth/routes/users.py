"""Accounts, for those who manage them: nobody changes who may more, nor gives what they lack."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request

from backoffice.auth.directory import Wanted
from backoffice.auth.models import User
from backoffice.auth.permissions import EVERYTHING
from backoffice.auth.principals import Principal
from backoffice.auth.reach import check_permissions, check_roles, check_user, giving
from backoffice.auth.role_schemas import RoleName
from backoffice.auth.routes.answers import managed_user, noted
from backoffice.auth.services import Services
from backoffice.auth.user_schemas import AccountChange, NewAccount, UserOut
from backoffice.core import Conflict

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
Text = Query(max_length=320, pattern=r"^[^\x00]*$")
After = Annotated[str, Text, Query(description="The last address of the page before.")]
Search = Annotated[str | None, Text, Query(description="A part of the address.")]
Role = Annotated[RoleName | None, Query(description="A role that they were given.")]


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes of accounts."""
    _add_reading(router, auth)
    _add_making(router, auth)
    _add_changing(router, auth)


def _add_reading(router: APIRouter, auth: "Auth") -> None:
    services, may_view = auth.services, auth.require("users:view")

    @router.get("/users", dependencies=[may_view])
    async def users(
        request: Request,
        role: Role = None,
        is_active: bool | None = None,
        is_superuser: bool | None = None,
        search: Search = None,
        limit: Limit = 100,
        after: After = "",
    ) -> list[UserOut]:
        """Accounts in the order of their addresses; `after` is the last one of the page before."""
        wanted = Wanted(role=role, is_active=is_active, is_superuser=is_superuser, search=search)
        found = services.of(request)
        page = await found.directory.page(wanted, limit=limit, after=after)
        roles = await found.roles.of_users([each.id for each in page])
        return [UserOut.of(each, roles.get(each.id, [])) for each in page]

    @router.get("/users/{id}", dependencies=[may_view])
    async def user(request: Request, id: str) -> UserOut:
        """An account."""
        found = services.of(request)
        return await _shown(found, await managed_user(found, id))


def _add_making(router: APIRouter, auth: "Auth") -> None:
    services = auth.services

    @router.post("/users", status_code=201)
    async def create_user(
        request: Request, body: NewAccount, who: Annotated[Principal, auth.require("users:add")]
    ) -> UserOut:
        """Make an account that may do nothing but what the caller may do."""
        found = services.of(request)
        with noted(request, who):
            giver = await giving(who, found)
            check_permissions(giver, [EVERYTHING] if body.is_superuser else [])
            await check_roles(giver, found, body.roles)
        return await _shown(found, await _made(found, body, who))

    @router.delete("/users/{id}", status_code=204)
    async def delete_user(
        request: Request, id: str, who: Annotated[Principal, auth.require("users:delete")]
    ) -> None:
        """Delete an account of another, with its sessions and keys."""
        found = services.of(request)
        user = await managed_user(found, id)
        if user.id == who.id:
            raise Conflict(
                "This is your own account; DELETE /me, with your password.", code="own_account"
            )
        with noted(request, who):
            await check_user(who, found, user)
        await found.users.delete(user.id, actor=who.name)


def _add_changing(router: APIRouter, auth: "Auth") -> None:
    services = auth.services

    @router.patch("/users/{id}")
    async def change_user(
        request: Request,
        id: str,
        body: AccountChange,
        who: Annotated[Principal, auth.require("users:change")],
    ) -> UserOut:
        """Change what is sent, all at once or not at all."""
        found = services.of(request)
        user = await managed_user(found, id)
        if user.id == who.id and body.email not in (None, user.email):
            # Whoever has but the session could have the password reset, and so the account.
            raise Conflict(
                "This is your own account; PATCH /me, with your password.", code="own_account"
            )
        with noted(request, who):
            await check_user(who, found, user)
            await _check_lasting(who, found, user, body)
        changed = await found.users.change(user.id, body.fields, actor=who.name)
        return await _shown(found, changed)


async def _check_lasting(who: Principal, found: Services, user: User, body: AccountChange) -> None:
    """Of what outlasts the rights of who does it, if those are for a while."""
    if body.is_superuser:
        check_permissions(await giving(who, found), [EVERYTHING])
    if body.email is not None and user.id != who.id:  # by which its password can be set
        await check_user(await giving(who, found), found, user)


async def _made(found: Services, body: NewAccount, who: Principal) -> User:
    if body.password is None:
        return await found.users.create_service(
            body.email,
            active=body.is_active,
            verified=body.is_verified,
            roles=body.roles,
            actor=who.name,
        )
    return await found.users.create(
        body.email,
        body.password.get_secret_value(),
        superuser=body.is_superuser,
        active=body.is_active,
        verified=body.is_verified,
        roles=body.roles,
        actor=who.name,
    )


async def _shown(found: Services, user: User) -> UserOut:
    return UserOut.of(user, await found.roles.of_user(user.id))
