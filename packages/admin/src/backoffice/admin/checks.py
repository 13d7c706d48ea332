"""What `backoffice doctor` looks at in the admin."""

from collections.abc import AsyncIterator

from backoffice.admin.settings import AdminSettings
from backoffice.admin.visits import ENTER
from backoffice.auth import Services
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
    elif await services.effective.who_can(ENTER, limit=1):
        yield Finding("admin.entrance", "ok", "somebody may enter")
    else:
        yield Finding(
            "admin.entrance",
            "warning",
            "nobody may enter the admin",
            "backoffice users create EMAIL --superuser",
        )
