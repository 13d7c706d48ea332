"""Who is calling, as far as packages below `auth` need to know: a name, and what they may."""

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection

from backoffice.core.singletons import singleton

Identify = Callable[[HTTPConnection], Awaitable[str | None]]
Permits = Callable[[HTTPConnection, str], Awaitable[bool]]
Find = Callable[[str], Awaitable[str | None]]
Roles = Callable[[HTTPConnection], Awaitable[frozenset[str]]]


class Callers:
    """Knows the caller of a connection; a package that authenticates registers how."""

    def __init__(self) -> None:
        self._identify: list[Identify] = []
        self._permits: list[Permits] = []
        self._find: list[Find] = []
        self._roles: list[Roles] = []

    def register(
        self,
        identify: Identify,
        permits: Permits | None = None,
        find: Find | None = None,
        roles: Roles | None = None,
    ) -> None:
        """Ask these too.

        `identify` gives a stable name such as `user:42`, or None if it cannot; `permits` says
        whether the caller holds a permission, and may refuse a credential that is not good;
        `find` gives the name of whom an operator means by an address or an id; `roles` gives the
        names of the roles that the caller holds.
        """
        self._identify.append(identify)
        if permits is not None:
            self._permits.append(permits)
        if find is not None:
            self._find.append(find)
        if roles is not None:
            self._roles.append(roles)

    @property
    def nobody(self) -> bool:
        """Whether no caller has a name, so that none need be asked for."""
        return not self._identify

    async def name(self, connection: HTTPConnection) -> str | None:
        """The caller's name, or None for one that nobody knows."""
        for identify in self._identify:
            found = await identify(connection)
            if found is not None:
                return found
        return None

    async def find(self, written: str) -> str | None:
        """The name of the caller whom an operator means; None where nobody knows them."""
        for find in self._find:
            found = await find(written)
            if found is not None:
                return found
        return None

    async def roles(self, connection: HTTPConnection) -> frozenset[str]:
        """The roles of the caller; none where nobody knows them."""
        found: frozenset[str] = frozenset()
        for roles in self._roles:
            found |= await roles(connection)
        return found

    async def may(self, connection: HTTPConnection, permission: str) -> bool:
        """Whether the caller holds the permission; nobody does where nothing authenticates."""
        for permits in self._permits:
            if await permits(connection, permission):
                return True
        return False


@singleton
def callers() -> Callers:
    """The callers of this run of the app."""
    return Callers()
