"""`Admin`: what an app includes to have an admin site."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import APIRouter
from sqlmodel import SQLModel
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp

from backoffice.admin.accounts import VIEWS, account_views
from backoffice.admin.accounts.users import UserAdmin
from backoffice.admin.exports import exports
from backoffice.admin.guard import ACCOUNT, OPEN, Guard
from backoffice.admin.headers import SecurityHeaders
from backoffice.admin.history.recorder import record
from backoffice.admin.model_admin import ModelAdmin, model_admin
from backoffice.admin.records import RecordView
from backoffice.admin.routes import pages
from backoffice.admin.settings import AdminSettings
from backoffice.admin.site import Site
from backoffice.admin.transactions import Transactions
from backoffice.auth import Auth
from backoffice.auth.declarations import KNOWS
from backoffice.auth.user_records import UserRecords
from backoffice.core import SetupError, Singleton, reads, singletons
from backoffice.core.access import Admits, admits
from backoffice.core.mail import mail_worker
from backoffice.core.settings import load
from backoffice.core.settings import settings as core_settings

_RESERVED = {"history", "logout", "static", *(path.lstrip("/") for path in {ACCOUNT, *OPEN})}


class Admin:
    """An admin site for the users of `auth`, with a page for each of the models.

    `models` takes SQLModel tables, and ModelAdmin classes where a page should differ. Settings
    come from `BACKOFFICE_ADMIN__...` when the app starts, unless given here. One Admin may serve
    several apps: it holds nothing of any of them.
    """

    def __init__(
        self,
        auth: Auth,
        models: Sequence[type[SQLModel] | type[ModelAdmin]] = (),
        settings: AdminSettings | None = None,
    ) -> None:
        self._auth = auth
        self._given = settings
        #: The settings of the running app.
        self.settings: Singleton[AdminSettings] = Singleton(self._opened, "admin_settings")
        self.site = Site(_views([model_admin(each) for each in models], auth.users))
        #: `app.include_router(admin.router, prefix="/admin")`.
        self.router: APIRouter = self._router()
        auth.opening(lambda services: record(self.site.records(), services))

    def _router(self) -> APIRouter:
        needed = (self._auth.services, self.settings, core_settings, mail_worker, exports)
        router = APIRouter(lifespan=singletons(*needed))

        @router.get("", include_in_schema=False)
        @admits(Admits())
        @reads(self._auth.services, self.settings, core_settings)
        async def home(request: Request) -> RedirectResponse:
            """With the slash, so that it is the mounted site that answers."""
            last = request.url.path.rpartition("/")[2]
            return RedirectResponse(f"{last}/", HTTPStatus.TEMPORARY_REDIRECT)

        router.mount("", self._asgi(), name="admin")
        return router

    def _asgi(self) -> ASGIApp:
        """The site within its layers: the outermost sees a request first."""
        site = self.site.asgi(pages(self.site))
        guard = Guard(
            Transactions(site),
            site.routes,
            self._auth.services,
            self.settings,
            self.site.refuse,
            self.site.hold,
        )
        outermost = admits(guard.admits)(SecurityHeaders(guard))
        setattr(outermost, KNOWS, self.site.permissions)
        return outermost

    def _opened(self) -> AdminSettings:
        return self._given or load(AdminSettings)


def _views(options: list[type[ModelAdmin]], users: UserRecords) -> list[RecordView]:
    """A view for each model, then those of accounts; all of them know each other's names."""
    own = {each.admin.model for each in VIEWS} | {users.model}
    if shown := [each.__name__ for each in options if each.model in own]:
        raise SetupError(f"{', '.join(shown)}: accounts have pages of their own already")
    resources = {each.model: each.resource_name() for each in options}
    accounts = {each.admin.model: each.admin.resource_name() for each in VIEWS}
    _check_names([each.resource_name() for each in options], {*accounts.values(), *_RESERVED})
    # Columns of the app refer to its own table, and those of accounts to ours.
    known = resources | accounts | {users.user: UserAdmin.resource_name()}
    return [*(RecordView(each, known) for each in options), *account_views(known, users)]


def _check_names(names: list[str], taken: set[str]) -> None:
    for name in names:
        if name in taken or names.count(name) > 1:
            raise SetupError(
                f"two pages cannot both be called {name!r}; set resource = '...' on a ModelAdmin"
            )
