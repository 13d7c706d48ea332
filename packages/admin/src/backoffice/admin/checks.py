"""What `backoffice doctor` looks at in the admin."""

from collections.abc import AsyncIterator

from sqlmodel import col, select

from backoffice.admin.settings import AdminSettings
from backoffice.admin.visits import ENTER
from backoffice.auth import Services
from backoffice.auth.models import RolePermission, UserRole
from backoffice.auth.permissions import grants
from backoffice.core import Finding, Run


async def admin_checks(run: Run) -> AsyncIterator[Finding]:
    """Whether anybody may enter the admin."""
    settings, services = await run.find(AdminSettings), await run.find(Services)
    if settings is None or services is None:
        yield Finding(
            "admin.router",
            "warning",
            "the app includes no admin.router",
            "add app.include_router(admin.router, prefix='/admin')",
        )
    elif await services.users.superusers() or await _others_may_enter(services):
        yield Finding("admin.entrance", "ok", "somebody may enter")
    else:
        yield Finding(
            "admin.entrance",
            "warning",
            "nobody may enter the admin",
            "backoffice users create EMAIL --superuser",
        )


async def _others_may_enter(services: Services) -> bool:
    user = services.records.user
    query = (
        select(RolePermission.permission)
        .join(UserRole, col(UserRole.role_id) == col(RolePermission.role_id))
        .join(user, col(user.id) == col(UserRole.user_id))
        .where(col(user.is_active))
        .distinct()
    )
    async with services.database.session() as session:
        return grants(frozenset((await session.exec(query)).all()), ENTER)
