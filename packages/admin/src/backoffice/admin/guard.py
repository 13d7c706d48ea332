"""The guard: nobody gets past it but those who are signed in and may enter.

It stands around the whole site, for a router's dependencies do not run on what is mounted.

| who | answer |
|---|---|
| anybody | the sign-in page, those of recovery, and static files |
| a stranger who asks for a page | 303 to the sign-in page |
| a stranger, otherwise | 401; a form that was typed before the session ended is kept on a page |
| a token or an API key, good or bad | 401: the admin is for people at a browser |
| a change that comes from another site | 403 |
| somebody without `admin:enter` | 403, and a way to sign out |
| somebody who looks as another, to change something | 403 |
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import quote, unquote

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backoffice.admin.confirmations import renewing
from backoffice.admin.impersonation import COOKIE, END, looking, over, refusal
from backoffice.admin.link_tokens import RESET, VERIFY, hide_token
from backoffice.admin.settings import AdminSettings
from backoffice.admin.visits import ENTER, Visit, begin, inner_path, root, sent_form, visit_of
from backoffice.auth import Principal, Services, refusals
from backoffice.auth.csrf import FIELD
from backoffice.auth.origin import SAFE_METHODS, same_origin
from backoffice.auth.resolution import Resolution
from backoffice.auth.sessions import Client
from backoffice.core import Forbidden, Refusal, Singleton, Unauthenticated
from backoffice.core.access import Admits
from backoffice.core.settings import settings as core_settings

LOGIN, LOGOUT, STATIC = "/login", "/logout", "/static/"
#: What is somebody's own: sessions and password.
ACCOUNT = "/account"
FORGOT, REQUEST_VERIFY = "/forgot-password", "/request-verify"
#: Pages for those whom nobody knows yet.
OPEN = frozenset({LOGIN, FORGOT, RESET, REQUEST_VERIFY, VERIFY})
#: Longer queries are nobody's; databases and log lines have their limits.
_QUERY_LIMIT = 8_000
#: The end of the addresses that take a file, and what a form has around one.
IMPORT = "/import"
_AROUND_FILE = 10_000
#: An address, a token, and the longest password in the widest letters.
_OPEN_FORM_LIMIT = 15_000

Refuse = Callable[[Request, Refusal], Awaitable[Response]]
Hold = Callable[[Request, FormData], Response]


class Guard:
    """Resolves the caller once and lets them on, or answers in place of the site.

    `refuse` makes the page for somebody who is signed in and may not enter, `hold` the one that
    keeps what somebody typed whose session has ended since.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: list[BaseRoute],
        services: Singleton[Services],
        settings: Singleton[AdminSettings],
        refuse: Refuse,
        hold: Hold,
    ) -> None:
        self._app = app
        self._services = services
        self._settings = settings
        self._refuse = refuse
        self._hold = hold
        #: What is mounted, for those who look through an app's routes.
        self.routes = routes

    @staticmethod
    def admits(path: str) -> Admits:
        """Whom it lets on to the page with that path."""
        if path in OPEN or f"{path}/".startswith(STATIC):
            return Admits()
        return Admits(public=False, who="anyone signed in" if path == LOGOUT else ENTER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        hide_token(scope)
        scope = _with_whole_path(scope)
        request = Request(scope, receive)
        if inner_path(request).startswith(STATIC):
            await self._app(scope, receive, send)
            return
        answer = _unfit(request) or await self._answer(request)
        if answer is not None:
            await answer(scope, receive, send)
            return
        limited = _limited(receive, self._form_limit(request))
        await self._app(scope, limited, renewing(scope, send))

    async def _answer(self, request: Request) -> Response | None:
        """What to say instead of the site; None for those who may go on."""
        services = self._services.of(request)
        resolution = await services.resolver.resolution(request)
        if _is_explicit(request):
            return _unwanted_credential(services, resolution)
        visit = self._begun(request, services, resolution.principal)
        if COOKIE in request.cookies and visit.known is not None:
            answer = await self._looking(request, visit)
            if answer is not None:
                return answer
            visit = visit_of(request)
        if inner_path(request) in OPEN or visit.may_enter:
            return None
        if visit.known is None:
            kept = await self._kept(request, services)
            return kept or _turned_away(request, services, resolution)
        if inner_path(request) == LOGOUT or (visit.acting and inner_path(request) == END):
            return None
        barred = Forbidden("You may not enter the admin.", scope=ENTER)
        refusals.note(request, barred, visit.known)
        return await self._refuse(request, barred)

    async def _looking(self, request: Request, visit: Visit) -> Response | None:
        """What to say to somebody who looks as another; None for what they may look at."""
        found = await looking(request, visit)
        if found is None:
            asks = request.method in SAFE_METHODS or inner_path(request) == END
            return over(request) if asks else None
        begin(request, found)
        if inner_path(request) in (LOGOUT, END) or (refused := refusal(request, found)) is None:
            return None
        refusals.note(request, refused, found.known)
        return await self._refuse(request, refused)

    async def _kept(self, request: Request, services: Services) -> Response | None:
        """A page with the form of somebody whose session has ended while they typed."""
        cookie = services.cookie.read(request) or ""
        was_here = services.sessions.of_cookie(cookie) is not None
        limit = self._settings.of(request).form_limit if was_here else _OPEN_FORM_LIMIT
        if request.method != "POST" or not same_origin(request):
            return None
        try:
            form = await sent_form(Request(request.scope, _limited(request.receive, limit)))
        except HTTPException:
            return None
        if services.csrf.session_of(form.get(FIELD)) is None:
            return None
        return self._hold(request, form)

    def _begun(self, request: Request, services: Services, principal: Principal | None) -> Visit:
        visit = Visit(
            services=services,
            settings=self._settings.of(request),
            client=Client.of(request),
            secret=core_settings.of(request).secret(),
            known=principal,
        )
        begin(request, visit)
        return visit

    def _form_limit(self, request: Request) -> int:
        if inner_path(request) in OPEN:
            return _OPEN_FORM_LIMIT
        settings = self._settings.of(request)
        if inner_path(request).endswith(IMPORT):
            return max(settings.form_limit, settings.import_limit + _AROUND_FILE)
        return settings.form_limit


def next_page(request: Request) -> str:
    """Where to go after signing in: a path of this admin, whatever was asked for."""
    return within_site(request, request.query_params.get("next", ""))


def within_site(request: Request, wanted: str) -> str:
    """The path that is wanted, if it is of this admin and one may come back to it; else the first
    page's."""
    home = f"{root(request)}/"
    segments = unquote(wanted.partition("?")[0]).split("/")
    # Browsers read a backslash as a slash, and leave control characters out.
    harmless = wanted.isprintable() and "\\" not in wanted and not {".", ".."} & set(segments)
    if not harmless or not wanted.startswith(home) or wanted.startswith("//"):
        return home
    return home if wanted.startswith((home + LOGIN[1:], home + LOGOUT[1:])) else wanted


def _turned_away(request: Request, services: Services, resolution: Resolution) -> Response:
    error = resolution.error
    if error is not None and not isinstance(error, Unauthenticated):
        return _json(error)
    if not _wants_page(request):
        return _json(error or services.resolver.nobody(request, resolution))
    wanted = request.scope["path"] + (f"?{request.url.query}" if request.url.query else "")
    # A path alone: right behind any proxy, whatever scheme and host it spoke to us with.
    response = RedirectResponse(
        f"{root(request)}{LOGIN}?next={quote(wanted, safe='/')}", HTTPStatus.SEE_OTHER
    )
    if error is not None or resolution.stale_cookie:
        services.cookie.clear(response, request)
    return response


def _unwanted_credential(services: Services, resolution: Resolution) -> Response:
    return _json(
        resolution.error
        or Unauthenticated(
            "The admin is for people at a browser; sign in there.",
            headers=services.resolver.challenge(),
        )
    )


def _is_explicit(request: Request) -> bool:
    return "authorization" in request.headers or "x-api-key" in request.headers


def _wants_page(request: Request) -> bool:
    headers = request.headers
    return (
        request.method in ("GET", "HEAD")
        and "application/json" not in headers.get("accept", "")
        and "x-requested-with" not in headers
        and headers.get("sec-fetch-mode", "navigate") == "navigate"
    )


def _unfit(request: Request) -> Response | None:
    """The answer to a query that no page of ours has made."""
    query: bytes = request.scope["query_string"]
    if len(query) > _QUERY_LIMIT:
        return _bad_request("The query is too long.")
    if b"%00" in query or b"\0" in query or "\0" in request.scope["path"]:
        return _bad_request("The address holds a character that no text can hold.")
    return None


def _bad_request(message: str) -> Response:
    content = {"detail": {"code": "bad_request", "message": message}}
    return JSONResponse(content, HTTPStatus.BAD_REQUEST)


def _json(error: Refusal) -> Response:
    return JSONResponse(
        {"detail": error.detail}, error.status_code, headers=dict(error.headers or {})
    )


def _with_whole_path(scope: Scope) -> Scope:
    """The scope with the root path in its path, where `FastAPI(root_path=...)` left it out."""
    above = scope.get("app_root_path", "")
    if scope["path"].startswith(scope["root_path"]) or not above:
        return scope
    return {**scope, "path": above + scope["path"]}


def _limited(receive: Receive, limit: int) -> Receive:
    """The same body, refused as soon as it is longer than `limit` bytes."""
    taken = 0

    async def received() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            text = f"What was sent is too large: at most {limit:,} bytes are taken here."
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)
        return message

    return received
