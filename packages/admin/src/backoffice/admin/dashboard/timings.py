"""How long pages take: noted for each that is found and may be seen."""

from time import perf_counter

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backoffice.admin.dashboard.kept import kept_figures
from backoffice.admin.visits import inner_path
from backoffice.auth.origin import SAFE_METHODS
from backoffice.core.singletons import running

_OK = 400
_STATIC = "/static/"


class Timed:
    """Notes how long each page of the site takes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        name = _name(Request(scope))
        if name.startswith(_STATIC):
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._app(scope, receive, noted)
        if status < _OK:
            kept = await running(HTTPConnection(scope)).open(kept_figures)
            kept.visited(name, perf_counter() - started)


def _name(request: Request) -> str:
    """The address, which is as good as the page: keys of records stand in the query."""
    path = inner_path(request)
    return path if request.method in SAFE_METHODS else f"{request.method} {path}"
