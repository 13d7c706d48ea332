"""Who is calling, as far as packages below `auth` need to know: a name to count by."""

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection

from backoffice.core.singletons import singleton

Identify = Callable[[HTTPConnection], Awaitable[str | None]]


class Callers:
    """Names the caller of a connection; a package that authenticates registers how."""

    def __init__(self) -> None:
        self._identify: list[Identify] = []

    def register(self, identify: Identify) -> None:
        """Ask `identify` too: it gives a stable name such as `user:42`, or None if it cannot."""
        self._identify.append(identify)

    async def name(self, connection: HTTPConnection) -> str | None:
        """The caller's name, or None for one that nobody knows."""
        for identify in self._identify:
            found = await identify(connection)
            if found is not None:
                return found
        return None


@singleton
def callers() -> Callers:
    """The callers of this run of the app."""
    return Callers()
