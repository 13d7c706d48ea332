"""`Admin`: what an app includes to have an admin site."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends
from sqlmodel import SQLModel
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp

from backoffice.admin.accounts import VIEWS, account_views
from backoffice.admin.accounts.users import UserAdmin
from backoffice.admin.dashboard.charts import ChartFunction, own_chart
from backoffice.admin.dashboard.kept import kept_figures
from backoffice.admin.dashboard.timings import Timed
from backoffice.admin.discovery import discovered
from backoffice.admin.exports import exports
from backoffice.admin.guard import ACCOUNT, OPEN, Guard
from backoffice.admin.headers import SecurityHeaders
from backoffice.admin.history.recorder import record
from backoffice.admin.jobs.pages import PATH as JOBS
from backoffice.admin.jobs.worker import JobWorker
from backoffice.admin.labels import column_label
from backoffice.admin.model_admin import ModelAdmin, model_admin
from backoffice.admin.operations.menu import reserved
from backoffice.admin.pages import (
    CardFunction,
    OwnCard,
    OwnPage,
    PageFunction,
    checked_name,
    checked_permission,
)
from backoffice.admin.records import RecordView
from backoffice.admin.routes import pages
from backoffice.admin.saved.keeping import forget_with_owners
from backoffice.admin.settings import AdminSettings
from backoffice.admin.site import Site
from backoffice.admin.theme import Theme
from backoffice.admin.transactions import Transactions
from backoffice.auth import Auth, Services
from backoffice.auth.declarations import KNOWS
from backoffice.auth.user_records import UserRecords
from backoffice.core import SetupError, Singleton, reads, singletons
from backoffice.core.access import Admits, admits
from backoffice.core.mail import mail_worker
from backoffice.core.settings import Settings, load
from backoffice.core.settings import settings as core_settings

_RESERVED = {
    "history",
    JOBS,
    "logout",
    "search",
    "look",
    "pages",
    "rate-limits",
    "outbox",
    "static",
    "system",
    *(path.lstrip("/") for path in {ACCOUNT, *OPEN}),
}

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_AT_WORK = "backoffice_admins_at_work"

F = TypeVar("F", bound=PageFunction)


class Admin:
    """An admin site for the users of `auth`, with a page for each of the models.

    `models` takes SQLModel tables, and ModelAdmin classes where a page should differ.
    `autodiscover=True` adds all other tables of SQLModel that are defined by now, but those in
    `exclude`; a class of SQLModel with a metadata of its own adds those of it. `templates` names a
    folder whose templates come before those of the same name here. Of several Admins in one app
    each has a `name`, by which its bulk jobs are told from those of the others.

    Settings come from `BACKOFFICE_ADMIN__...` when the app starts, unless given here. One Admin
    may serve several apps: it holds nothing of any of them.
    """

    def __init__(
        self,
        auth: Auth,
        models: Sequence[type[SQLModel] | type[ModelAdmin]] = (),
        settings: AdminSettings | None = None,
        *,
        autodiscover: bool | type[SQLModel] = False,
        exclude: Sequence[type[SQLModel]] = (),
        theme: Theme | None = None,
        templates: Path | str | None = None,
        name: str = "admin",
    ) -> None:
        self._auth = auth
        self._given = settings
        #: The settings of the running app.
        self.settings: Singleton[AdminSettings] = Singleton(self._opened, "admin_settings")
        options = [model_admin(each) for each in models]
        if autodiscover:
            base = SQLModel if autodiscover is True else autodiscover
            known = {*(each.model for each in options), *_accounts(auth.users)}
            options += map(model_admin, discovered(base, known, exclude))
        self.site = Site(_views(options, auth.users), theme or Theme(), templates)
        self.site.name = _checked_name(name)
        self.site.jobs = Singleton(self._job_worker(), "job_worker")
        #: `app.include_router(admin.router, prefix="/admin")`.
        self.router: APIRouter = self._router()
        auth.opening(lambda services: record(self.site.records(), services))
        auth.opening(forget_with_owners)

    def page(
        self,
        name: str,
        *,
        permission: str,
        label: str = "",
        template: str = "",
        icon: str = "table",
        takes_forms: bool = False,
        dangerous: bool = False,
    ) -> Callable[[F], F]:
        """Make a page of `async def sales(context: PageContext)`, at `pages/{name}`.

        It gives what its `template` shows, or a Table, a text, Markup, or a Response. One that
        `takes_forms` is called for a POST too, which carries the token of the session; of one
        that is `dangerous` the password is asked for again before that.
        """

        def added(function: F) -> F:
            self.site.add_page(
                OwnPage(
                    function=function,
                    name=checked_name(name),
                    label=label or column_label(name.replace("-", "_")),
                    permission=checked_permission(permission, "@admin.page"),
                    template=template,
                    icon=icon,
                    takes_forms=takes_forms,
                    dangerous=dangerous,
                )
            )
            return function

        return added

    def card(
        self, label: str, *, permission: str, icon: str = "table"
    ) -> Callable[[CardFunction], CardFunction]:
        """Make a card of the first page of `async def new_orders(context: PageContext) -> int`."""

        def added(function: CardFunction) -> CardFunction:
            checked_permission(permission, "@admin.card")
            self.site.add_card(OwnCard(function, label, permission, icon))
            return function

        return added

    def chart(self, label: str, *, permission: str) -> Callable[[ChartFunction], ChartFunction]:
        """Make a chart of the first page of
        `async def orders(context: PageContext, days: Days) -> Chart`."""

        def added(function: ChartFunction) -> ChartFunction:
            self.site.add_chart(own_chart(function, label, permission))
            return function

        return added

    def _router(self) -> APIRouter:
        needed = (self._auth.services, self.settings, core_settings)
        at_work = (mail_worker, exports, kept_figures, self.site.jobs)
        router = APIRouter(lifespan=singletons(*needed, *at_work))

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
        site = self.site.asgi(pages(self.site), self.settings)
        guard = Guard(
            Timed(Transactions(site)),
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

    def _job_worker(self) -> Callable[..., AsyncIterator[JobWorker]]:
        async def job_worker(
            services: Annotated[Services, Depends(self._auth.services)],
            settings: Annotated[AdminSettings, Depends(self.settings)],
            core: Annotated[Settings, Depends(core_settings)],
        ) -> AsyncIterator[JobWorker]:
            _check_alone(self.site.name, services)
            worker = JobWorker(self.site, services, settings, core.secret())
            async with worker.at_work():
                yield worker

        return job_worker


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        told = "letters, digits and hyphens in lower case, at most 32, with a letter first"
        raise SetupError(f"Admin(name={name!r}): a name is of {told}")
    return name


def _check_alone(name: str, services: Services) -> None:
    """SetupError where another Admin of this run has the same name: it would do its jobs."""
    run: Any = services.database.session_class
    known: set[str] = run.__dict__.get(_AT_WORK, set())
    if name in known:
        raise SetupError(
            f"two Admins of this app are called {name!r}; give each a name of its own: "
            "Admin(auth, name='staff')"
        )
    setattr(run, _AT_WORK, known | {name})


def _accounts(users: UserRecords) -> set[type[SQLModel]]:
    return {*(each.admin.model for each in VIEWS), users.model}


def _views(options: list[type[ModelAdmin]], users: UserRecords) -> list[RecordView]:
    """A view for each model, then those of accounts; all of them know each other's names."""
    own = _accounts(users)
    if shown := [each.__name__ for each in options if each.model in own]:
        raise SetupError(f"{', '.join(shown)}: accounts have pages of their own already")
    resources = {each.model: each.resource_name() for each in options}
    accounts = {each.admin.model: each.admin.resource_name() for each in VIEWS}
    taken = {*accounts.values(), *_RESERVED, *reserved()}
    _check_names([each.resource_name() for each in options], taken)
    # Columns of the app refer to its own table, and those of accounts to ours.
    known = resources | accounts | {users.user: UserAdmin.resource_name()}
    return [*(RecordView(each, known) for each in options), *account_views(known, users)]


def _check_names(names: list[str], taken: set[str]) -> None:
    for name in names:
        if name in taken or names.count(name) > 1:
            raise SetupError(
                f"two pages cannot both be called {name!r}; set resource = '...' on a ModelAdmin"
            )
