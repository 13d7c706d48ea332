"""How far somebody's power over accounts reaches: never beyond what they may do themselves.

Whoever may change users, and is no superuser, could otherwise make themselves one: by granting
a role that may more than they do, or by setting the password of somebody who may.
"""

from collections.abc import Iterable, Sequence

from backoffice.auth import Principal, Role, Services, User
from backoffice.auth.permissions import EVERYTHING
from backoffice.core import Forbidden


async def users_within(
    principal: Principal, services: Services, users: Sequence[User]
) -> list[User]:
    """Those of the users who may do nothing that the principal may not."""
    if principal.can(EVERYTHING):
        return list(users)
    permissions = {role.name: held for role, held in await services.roles.all()}
    held = await services.roles.of_users(each.id for each in users)
    return [
        each
        for each in users
        if not each.is_superuser
        and all(
            name in permissions and principal.can(*permissions[name])
            for name in held.get(each.id, ())
        )
    ]


async def roles_within(principal: Principal, services: Services) -> list[tuple[Role, list[str]]]:
    """The roles, with their permissions, that allow nothing that the principal may not do."""
    return [each for each in await services.roles.all() if principal.can(*each[1])]


async def check_grants(principal: Principal, services: Services, names: Iterable[str]) -> None:
    """Forbidden when one of the roles allows what the principal may not do."""
    within = {role.name for role, _ in await roles_within(principal, services)}
    beyond = sorted(set(names) - within)
    if beyond:
        raise Forbidden(
            f"You may not give or take {', '.join(beyond)}: it allows what you may not do.",
            code="beyond_reach",
        )


def check_permissions(principal: Principal, wanted: Iterable[str]) -> None:
    """Forbidden for permissions that the principal does not hold."""
    beyond = sorted(each for each in wanted if not principal.can(each))
    if beyond:
        raise Forbidden(
            f"You may not give or take {', '.join(beyond)}: you do not hold it yourself.",
            code="beyond_reach",
        )
