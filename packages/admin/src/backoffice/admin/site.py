"""The site: starlette-admin's engine with the pages, templates and rules of this package."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette_admin.base import BaseAdmin

from backoffice.admin import notices
from backoffice.admin.catalogue import OF_JOBS, OF_VIEWS, permissions_of
from backoffice.admin.confirmations import changed, held
from backoffice.admin.dashboard.charts import OwnChart
from backoffice.admin.inlines import bind
from backoffice.admin.looks import Look
from backoffice.admin.markup import described, lower_first, symbol
from backoffice.admin.menu import PEOPLE, MenuEntry, side_bar
from backoffice.admin.operations.menu import SystemPages
from backoffice.admin.pages import OwnCard, OwnPage
from backoffice.admin.presentation import url_of
from backoffice.admin.problems import ANSWERED, refusal_of
from backoffice.admin.records import RecordView
from backoffice.admin.settings import AdminSettings
from backoffice.admin.static_files import HERE, KEPT, Static, files_revision
from backoffice.admin.templating import has_template, overridable, require_template
from backoffice.admin.theme import Theme, revision, style
from backoffice.admin.visits import (
    ENTER,
    TAKES_FILE,
    Visit,
    check_origin,
    known_visit,
    root,
    visit_of,
)
from backoffice.auth.catalogue import Known
from backoffice.auth.csrf import FIELD
from backoffice.auth.origin import SAFE_METHODS
from backoffice.core import SetupError, Singleton

if TYPE_CHECKING:
    from backoffice.admin.jobs.worker import JobWorker


Handler = Callable[["Site", Request], Awaitable[Response]]


class Site(BaseAdmin):
    """Views, templates and routes; it holds nothing of any running app."""

    #: By which it is told from another admin of the same app.
    name: str
    #: What does its bulk jobs in the running app.
    jobs: "Singleton[JobWorker]"
    #: What the paths of its pages begin with.
    paths: frozenset[str]

    def __init__(
        self,
        views: Sequence[RecordView],
        theme: Theme = Theme(),
        templates: Path | str | None = None,
    ) -> None:
        # Templates come from this package alone: an app's own folder named "templates", which
        # starlette-admin would look into first, has a base.html of its own.
        super().__init__(templates_dir=str(HERE / "templates"), timezone_config=None)
        for view in views:
            self.add_view(view)
        bind(views)
        self.look = theme
        #: What the app has added, by `@admin.page` and `@admin.card`.
        self.own_pages: dict[str, OwnPage] = {}
        self.own_cards: list[OwnCard] = []
        self.own_charts: list[OwnChart] = []
        #: Pages of this package in the side bar, beside those of records.
        self.entries: list[MenuEntry] = [
            MenuEntry("Permissions", "roles/matrix", "columns", "roles:view", PEOPLE)
        ]
        #: Those about the running app.
        self.system = SystemPages()
        self.entries += (
            MenuEntry(each.label, each.path, each.icon, each.permission)
            for each in self.system.pages
        )
        env = self.templates.env
        env.loader = overridable(env.loader, templates)
        self._found: dict[tuple[str, str], str] = {}
        #: What the pages ask for.
        self.permissions: list[Known] = list(self._asked())
        env.trim_blocks = env.lstrip_blocks = True
        env.globals.update(
            url_of=url_of,
            root=root,
            visit_of=known_visit,
            token_field=FIELD,
            assets=files_revision(),
            symbol=symbol,
            described=described,
            theme_revision=self._theme_revision,
        )
        env.filters["lower_first"] = lower_first

    def add_page(self, page: OwnPage) -> None:
        """A page of the app's own."""
        if page.name in self.own_pages:
            raise SetupError(f"@admin.page: there are two pages called {page.name!r}")
        if page.template:
            require_template(self.templates.env, page.template)
        self.own_pages[page.name] = page
        self.permissions.append(Known(page.permission, f"See {page.label}", "backoffice.admin"))

    def add_card(self, card: OwnCard) -> None:
        """A card of the app's own."""
        self.own_cards.append(card)
        self.permissions.append(Known(card.permission, f"See {card.label}", "backoffice.admin"))

    def add_chart(self, chart: OwnChart) -> None:
        """A chart of the app's own."""
        self.own_charts.append(chart)
        self.permissions.append(Known(chart.permission, f"See {chart.label}", "backoffice.admin"))

    def _asked(self) -> Iterator[Known]:
        yield Known(ENTER, "Enter the admin", "backoffice.admin")
        for view in self._model_views:
            if isinstance(view, RecordView):
                yield from permissions_of(view)
        yield from OF_JOBS
        yield from self.system.permissions()
        yield OF_VIEWS

    def asgi(self, routes: Sequence[Route], settings: Singleton[AdminSettings]) -> Starlette:
        """The site as an app, with these pages."""

        async def theme(request: Request) -> Response:
            text = style(self.look, settings.of(request))
            return Response(text, media_type="text/css", headers={"Cache-Control": KEPT})

        static = [
            Route("/static/theme.css", theme),
            Mount("/static", Static(packages=[(__package__, "static")]), name="static"),
        ]
        app = Starlette(
            routes=[*static, *routes],
            exception_handlers={
                HTTPException: self._render_error,
                **dict.fromkeys(ANSWERED, self._answered),
            },
        )
        # An address with one slash too many is none: a redirect would name scheme and host.
        app.router.redirect_slashes = False
        app.state.ROUTE_NAME = self.route_name
        self.paths = frozenset(each.path.split("/")[1] for each in routes)
        self._app = app
        return app

    def _theme_revision(self, visit: Visit) -> str:
        return revision(self.look, visit.settings)

    def route(
        self,
        path: str,
        handler: Handler,
        *methods: str,
        guarded: bool = True,
        takes_file: bool = False,
    ) -> Route:
        """A page; a form that it takes carries the token of the session, if it is `guarded`, and
        comes from this site if it is not."""

        async def endpoint(request: Request) -> Response:
            setattr(request.state, TAKES_FILE, takes_file)
            try:
                return await answer(request)
            finally:
                await request.close()  # of the file, if there is one

        async def answer(request: Request) -> Response:
            if request.method in SAFE_METHODS:
                return await handler(self, request)
            if guarded:
                return await changed(self, request, handler)
            check_origin(request)
            return await handler(self, request)

        return Route(path, endpoint, methods=list(methods or ("GET",)))

    def view(self, request: Request) -> RecordView:
        """The view that the address names; 404 if there is none, 403 if it may not be seen."""
        return self.named(request, request.path_params["resource"])

    def named(self, request: Request, resource: str) -> RecordView:
        """The view of that name; 404 if there is none, 403 if it may not be seen."""
        view = self._find_view_by_key(resource)
        assert isinstance(view, RecordView)  # noqa: S101 - all views of the site are
        if not view.is_accessible(request):
            raise HTTPException(403, f"You may not see {view.menu_label.lower()}.")
        return view

    def records(self) -> list[RecordView]:
        """The views of all models."""
        return [each for each in self._model_views if isinstance(each, RecordView)]

    @property
    def users(self) -> RecordView:
        """The view of accounts."""
        return next(each for each in self.records() if each.resource == "users")

    def visible(self, request: Request) -> list[RecordView]:
        """The views that this person may see."""
        views = (each for each in self._model_views if isinstance(each, RecordView))
        return [each for each in views if each.is_accessible(request)]

    def page(self, request: Request, name: str, status: int = 200, **context: Any) -> Response:
        """A page from a template, with what the last one left to say."""
        notice = notices.pending(request)
        visit = visit_of(request)
        menu = self.visible(request) if visit.may_enter else []
        shown = {
            "notice": notice,
            "visit": visit,
            "menu": menu,
            "own_menu": self._own(visit),
            "side_bar": side_bar(self, request, visit),
            "look": Look.of(request),
        }
        template = self._template(name, context.get("view"))
        response = self.templates.TemplateResponse(request, template, {**shown, **context}, status)
        if notice is not None:
            notices.forget(request, response)
        return response

    def hold(self, request: Request, form: FormData) -> Response:
        """The page that keeps a form whose session has ended meanwhile."""
        return held(self, request, form)

    def _own(self, visit: Visit) -> list[OwnPage]:
        """The app's own pages that this person may see."""
        principal = visit.known if visit.may_enter else None
        return [
            each for each in self.own_pages.values() if principal and principal.can(each.permission)
        ]

    def _template(self, name: str, view: object) -> str:
        """`books/list.html` where there is one, else `list.html`."""
        if not isinstance(view, RecordView):
            return name
        asked = (view.resource, name)
        if asked not in self._found:
            own = f"{view.resource}/{name}"
            self._found[asked] = own if has_template(self.templates.env, own) else name
        return self._found[asked]

    async def refuse(self, request: Request, exc: HTTPException) -> Response:
        """An error as a page, or as JSON for a script that asks for it."""
        detail: Any = exc.detail
        message = detail.get("message", "") if isinstance(detail, dict) else str(detail)
        if "application/json" in request.headers.get("accept", ""):
            code = detail.get("code", "") if isinstance(detail, dict) else "refused"
            content = {"detail": {"code": code, "message": message}}
            return JSONResponse(content, exc.status_code, headers=exc.headers)
        if known_visit(request) is None:
            return PlainTextResponse(message, exc.status_code, headers=exc.headers)
        response = self.page(
            request, "error.html", exc.status_code, code=exc.status_code, message=message
        )
        response.headers.update(exc.headers or {})
        return response

    async def _render_error(
        self, request: Request, exc: Exception = HTTPException(500)
    ) -> Response:
        assert isinstance(exc, HTTPException)  # noqa: S101 - it is registered for no other
        return await self.refuse(request, exc)

    async def _answered(self, request: Request, error: Exception) -> Response:
        refusal = refusal_of(error)
        if refusal is None:
            raise error
        return await self.refuse(request, refusal)

    # starlette-admin's own routes, cookies and middlewares are not wanted: its files are served
    # to anybody who is signed in, its tokens are of no session, its middlewares buffer answers.

    def _init_routes(self) -> None: ...

    def _init_csrf(self) -> None: ...

    def _init_flash(self) -> None: ...

    def _ensure_secret_key(self) -> None: ...
