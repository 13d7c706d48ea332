"""First steps: what there is to do in a new back office, told by how it is now."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import col
from starlette.requests import Request

from backoffice.admin.accounts.views import AccountView
from backoffice.admin.operations.menu import HEALTH
from backoffice.admin.presentation import url_of
from backoffice.admin.site import Site
from backoffice.admin.visits import visit_of
from backoffice.auth.models import Role
from backoffice.core.mail import mail_settings
from backoffice.core.singletons import running

#: Who sees them: those who can do something about all of them.
NEEDED = ("users:add", "roles:add", HEALTH.permission)
HIDDEN = "backoffice_first_steps"
_ENOUGH = 2


@dataclass(frozen=True)
class Step:
    """Something to do once, and whether it is done."""

    name: str
    done: bool
    url: str = ""


async def first_steps(site: Site, request: Request) -> list[Step]:
    """What there is to do; nothing for others, nor once all is done or was put aside."""
    if not visit_of(request).principal.can(*NEEDED) or HIDDEN in request.cookies:
        return []
    found = [each async for each in _steps(site, request)]
    return [] if all(each.done for each in found) else found


async def _steps(site: Site, request: Request) -> AsyncIterator[Step]:
    services = visit_of(request).services
    own = [each for each in site.records() if not isinstance(each, AccountView)]
    yield Step("models", bool(own))
    user = services.records.user
    superusers = (
        select(col(user.id)).where(col(user.is_superuser), col(user.is_active)).limit(_ENOUGH)
    )
    session = request.state.session
    count = len((await session.exec(superusers)).all())
    yield Step("superusers", count >= _ENOUGH, url_of(request, "users", "add"))
    roles = (await session.exec(select(col(Role.id)).limit(1))).all()
    yield Step("roles", bool(roles), url_of(request, "roles", "add"))
    mail = (await running(request).open(mail_settings)).destination()
    yield Step("mail", mail is not None)
    yield Step("links", services.settings.public_url is not None)
