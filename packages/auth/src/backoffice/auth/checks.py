"""What `backoffice doctor` looks at in accounts."""

from collections.abc import AsyncIterator

from backoffice.auth.services import Services
from backoffice.core import Finding, Run


async def auth_checks(run: Run) -> AsyncIterator[Finding]:
    """Whether the app has accounts at all, and somebody who may do everything."""
    services = await run.find(Services)
    if services is None:
        yield Finding(
            "accounts",
            "warning",
            "the app includes no auth.router",
            "add app.include_router(auth.router, prefix='/auth')",
        )
        return
    yield await _superuser(services)


async def _superuser(services: Services) -> Finding:
    count = await services.users.superusers()
    if count == 0:
        return Finding(
            "superuser",
            "warning",
            "nobody may do everything",
            "backoffice users create EMAIL --superuser",
        )
    return Finding("superuser", "ok", f"{count} active")
