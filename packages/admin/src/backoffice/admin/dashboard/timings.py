"""How long pages take: the last visits of each, in this process."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter

from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backoffice.admin.visits import inner_path
from backoffice.auth.origin import SAFE_METHODS
from backoffice.core import singleton
from backoffice.core.singletons import running

#: Addresses that are told apart, and visits that are remembered of each.
MOST_PAGES, MOST_VISITS = 500, 200
#: The share of visits that are faster than the one that is told.
_SHARE = 0.95
_OK = 400
_STATIC = "/static/"


@dataclass(frozen=True)
class Timing:
    """A page, and the milliseconds that 19 of 20 of its last visits took at the most."""

    name: str
    visits: int
    slow: float


class Timings:
    """What the pages of one run took."""

    def __init__(self) -> None:
        self._pages: dict[str, deque[float]] = {}

    def note(self, name: str, seconds: float) -> None:
        """Remember a visit."""
        if name not in self._pages and len(self._pages) >= MOST_PAGES:
            return
        self._pages.setdefault(name, deque(maxlen=MOST_VISITS)).append(seconds * 1000)

    def slowest(self, most: int) -> list[Timing]:
        """The slowest first."""
        found = [Timing(name, len(each), _slow(each)) for name, each in self._pages.items()]
        return sorted(found, key=lambda each: -each.slow)[:most]


def _slow(visits: Iterable[float]) -> float:
    ordered = sorted(visits)
    return ordered[min(int(len(ordered) * _SHARE), len(ordered) - 1)]


@singleton
def timings() -> Timings:
    """The timings of this run."""
    return Timings()


class Timed:
    """Notes how long each page of the site takes that is found and may be seen."""

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
            known = await running(HTTPConnection(scope)).open(timings)
            known.note(name, perf_counter() - started)


def _name(request: Request) -> str:
    """The address, which is as good as the page: keys of records stand in the query."""
    path = inner_path(request)
    return path if request.method in SAFE_METHODS else f"{request.method} {path}"
