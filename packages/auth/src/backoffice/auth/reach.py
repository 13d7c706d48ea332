"""How far somebody's power over accounts reaches: never beyond what they may do themselves.

Whoever may change users or roles, and is no superuser, could otherwise make themselves one: by
granting a role that may more than they do, by including one, or by setting the password of somebody
who may. Nor for longer: who holds something for a while could give it to themselves for good.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from backoffice.auth.administrators import AT_LAST
from backoffice.auth.holdings import held_by
from backoffice.auth.models import Role, User
from backoffice.auth.permissions import EVERYTHING, intersection
from backoffice.auth.principals import Principal
from backoffice.auth.services import Services
from backoffice.core import Forbidden


async def giving(
    principal: Principal, services: Services, until: datetime | None = None
) -> Principal:
    """The principal with no more than what they may give until then, or for good: what they hold
    for as long themselves."""
    ends = principal.changes_at
    if ends is None or (until is not None and until <= ends):
        return principal
    last = AT_LAST if until is None else min(until - datetime.resolution, AT_LAST)
    async with services.database.session() as session:
        held = await held_by(session, services.records.user, principal.id, last)
    return replace(principal, permissions=intersection(principal.permissions, held))


async def users_within(
    principal: Principal, services: Services, users: Sequence[User]
) -> list[User]:
    """Those of the users who may do nothing that the principal may not, in one query for all."""
    if principal.can(EVERYTHING):
        return list(users)
    held = await services.effective.of_users(each.id for each in users)
    return [each for each in users if each.id in held and principal.can(*held[each.id])]


async def check_user(principal: Principal, services: Services, user: User) -> None:
    """Forbidden for a user who may do what the principal may not."""
    if not await users_within(principal, services, [user]):
        raise Forbidden(
            "You may not change this account: it may do what you may not.", code="beyond_reach"
        )


async def roles_within(principal: Principal, services: Services) -> list[Role]:
    """The roles that allow nothing, with all that they include, that the principal may not do."""
    roles = [role for role, _ in await services.roles.all()]
    if principal.can(EVERYTHING):
        return roles
    allowed = await services.effective.of_roles()
    return [role for role in roles if principal.can(*allowed.get(role.id, ()))]


async def check_role(principal: Principal, services: Services, role: Role) -> None:
    """Forbidden for a role that allows what the principal may not do."""
    allowed = (await services.effective.of_roles([role.id])).get(role.id, frozenset())
    if not principal.can(*allowed):
        raise _beyond([role.name], "it allows what you may not do, or not for as long")


async def check_roles(principal: Principal, services: Services, names: Iterable[str]) -> None:
    """Forbidden when one of the roles allows what the principal may not do; NotFound for none."""
    if principal.can(EVERYTHING):
        return
    for name in sorted(set(names)):
        await check_role(principal, services, await services.roles.find(name))


def check_permissions(principal: Principal, wanted: Iterable[str]) -> None:
    """Forbidden for permissions that the principal does not hold."""
    beyond = [each for each in wanted if not principal.can(each)]
    if beyond:
        raise _beyond(beyond, "you do not hold it yourself, or not for as long")


def _beyond(names: Iterable[str], why: str) -> Forbidden:
    return Forbidden(
        f"You may not give or take {', '.join(sorted(names))}: {why}.", code="beyond_reach"
    )
