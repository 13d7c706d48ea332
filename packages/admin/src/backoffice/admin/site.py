"""The site: starlette-admin's engine with the pages, templates and rules of this package."""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from sqlalchemy.exc import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from starlette_admin.base import BaseAdmin
from starlette_admin.fields import BaseField

from backoffice.admin import notices
from backoffice.admin.confirmations import changed, held
from backoffice.admin.constraints import is_unfit
from backoffice.admin.dashboard.charts import OwnChart
from backoffice.admin.inlines import bind
from backoffice.admin.looks import Look
from backoffice.admin.menu import PEOPLE, MenuEntry, side_bar
from backoffice.admin.operations.menu import SystemPages
from backoffice.admin.options import computed_columns
from backoffice.admin.pages import OwnCard, OwnPage
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.settings import AdminSettings
from backoffice.admin.soft_deletion import PURGE, RESTORE
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

HERE = Path(__file__).parent
#: What may be done with the records of a page.
VERBS = ("view", "add", "change", "delete", "export")
_KEPT = "public, max-age=3600"
_SYMBOL = Markup('<svg class="icon" aria-hidden="true"><use href="{}/static/icons.svg#{}"/></svg>')
_DESCRIBED = Markup(' aria-describedby="{}"')
_INVALID = Markup(' aria-invalid="true"')

_OF_JOBS = (
    Known("bulk-jobs:view", "See the bulk jobs of others", "backoffice.admin"),
    Known("bulk-jobs:change", "Cancel the bulk jobs of others", "backoffice.admin"),
)
_OF_VIEWS = Known(
    "saved-views:share", "Share views of lists, and change those of others", "backoffice.admin"
)

Handler = Callable[["Site", Request], Awaitable[Response]]


class Site(BaseAdmin):
    """Views, templates and routes; it holds nothing of any running app."""

    #: By which it is told from another admin of the same app.
    name: str
    #: What does its bulk jobs in the running app.
    jobs: "Singleton[JobWorker]"

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
            assets=_files_revision(),
            symbol=symbol,
            described=_described,
            theme_revision=self._theme_revision,
        )
        env.filters["lower_first"] = _lower_first

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
                yield from _permissions(view)
        yield from _OF_JOBS
        yield from self.system.permissions()
        yield _OF_VIEWS

    def asgi(self, routes: Sequence[Route], settings: Singleton[AdminSettings]) -> Starlette:
        """The site as an app, with these pages."""

        async def theme(request: Request) -> Response:
            text = style(self.look, settings.of(request))
            return Response(text, media_type="text/css", headers={"Cache-Control": _KEPT})

        static = [
            Route("/static/theme.css", theme),
            Mount("/static", _Static(packages=[(__package__, "static")]), name="static"),
        ]
        app = Starlette(
            routes=[*static, *routes],
            exception_handlers={
                HTTPException: self._render_error,
                DataError: self._unfit,
                OverflowError: self._unfit,
                IntegrityError: self._conflict,
                OperationalError: self._unavailable,
                InterfaceError: self._unavailable,
                PoolTimeoutError: self._unavailable,
                StatementError: self._unfit,
            },
        )
        # An address with one slash too many is none: a redirect would name scheme and host.
        app.router.redirect_slashes = False
        app.state.ROUTE_NAME = self.route_name
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

    async def _unfit(self, request: Request, error: Exception) -> Response:
        if not is_unfit(error):
            raise error
        return await self.refuse(request, HTTPException(400, "A value does not fit its column."))

    async def _conflict(self, request: Request, _: Exception) -> Response:
        return await self.refuse(request, HTTPException(409, "Something else refers to this."))

    async def _unavailable(self, request: Request, _: Exception) -> Response:
        headers = {"Retry-After": "5"}
        refusal = HTTPException(503, "The database does not answer; try again.", headers)
        return await self.refuse(request, refusal)

    # starlette-admin's own routes, cookies and middlewares are not wanted: its files are served
    # to anybody who is signed in, its tokens are of no session, its middlewares buffer answers.

    def _init_routes(self) -> None: ...

    def _init_csrf(self) -> None: ...

    def _init_flash(self) -> None: ...

    def _ensure_secret_key(self) -> None: ...


def symbol(request: Request, name: str) -> Markup:
    """An icon of `static/icons.svg`."""
    return _symbol(root(request), name)


@lru_cache(maxsize=1000)
def _symbol(base: str, name: str) -> Markup:
    return _SYMBOL.format(base, name)


def _described(field: BaseField, error: object) -> Markup:
    """Attributes that tie an input to its help and its error, for those who do not see them."""
    ids = [f"{field.id}-help"] * bool(field.help_text) + [f"{field.id}-error"] * bool(error)
    found = _DESCRIBED.format(" ".join(ids)) if ids else Markup("")
    return found + _INVALID if error else found


def _lower_first(text: object) -> str:
    """A label within a sentence; API keys stay API keys."""
    words = str(text)
    return words if words[:2].isupper() else words[:1].lower() + words[1:]


def _files_revision() -> str:
    """Changes with the files of styles and scripts, so that browsers fetch them anew."""
    files = sorted((HERE / "static").glob("*.*s"))
    return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()[:12]


class _Static(StaticFiles):
    """Files that a browser may keep for a while."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = _KEPT
        return response

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            return await super().get_response(path, scope)
        except ValueError:
            # A path with a NUL, or with a name too long for the file system.
            raise HTTPException(404) from None


def _permissions(view: RecordView) -> Iterator[Known]:
    records = _lower_first(str(view.menu_label))
    own = [*(each.verb for each in view.options.actions), *view.own_verbs]
    own += [RESTORE, PURGE] if view.soft_deletion is not None else []
    own += ["import"] if view.is_written_plainly else []
    for verb in dict.fromkeys([*VERBS, *own]):
        yield Known(f"{view.resource}:{verb}", f"{verb.capitalize()} {records}", "backoffice.admin")
    for column in computed_columns(view.options).values():
        if column.permission:
            yield Known(column.permission, f"See {column.label} of {records}", "backoffice.admin")
