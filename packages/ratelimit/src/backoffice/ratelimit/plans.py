"""Plans: limits that differ from caller to caller, by a function or by roles."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from starlette.requests import HTTPConnection

from backoffice.core import SetupError
from backoffice.ratelimit.limits import Limit, limits
from backoffice.ratelimit.visits import Visit

Written = str | Limit | Sequence[str | Limit]
# Any: whoever writes one says Request, WebSocket or HTTPConnection, as the route gives.
Plan = Callable[[Any], Written | Awaitable[Written | None] | None]
Exempt = Callable[[Any], bool | Awaitable[bool]]


class Plans:
    """The limits of a caller: those of a role, else of a function, else those for everybody."""

    def __init__(
        self,
        everybody: Sequence[Limit],
        by_role: Mapping[str, Written | None] | None = None,
        plan: Plan | None = None,
    ) -> None:
        self._everybody = everybody
        self._plan = plan
        #: Of each role in the order in which they are looked for; None exempts.
        self.by_role: dict[str, Sequence[Limit] | None] = {
            role: _read(written) for role, written in (by_role or {}).items()
        }

    async def limits(self, connection: HTTPConnection, visit: Visit) -> Sequence[Limit] | None:
        """None for a caller who is exempt."""
        if self.by_role:
            held = await visit.roles(connection)
            for role, found in self.by_role.items():
                if role in held:
                    return found
        if self._plan is None:
            return self._everybody
        given = self._plan(connection)
        return _read(await given if inspect.isawaitable(given) else given)


def terms(
    written: Sequence[str | Limit | Plan], by_role: Mapping[str, Written | None] | None
) -> tuple[tuple[Limit, ...], Plans | None]:
    """The limits for everybody, and the plans where there are any; SetupError for what is wrong."""
    functions = [each for each in written if callable(each)]
    if functions and len(written) > 1:
        raise SetupError("a function gives all limits of a caller; write it alone")
    plan = functions[0] if functions else None
    texts = [each for each in written if isinstance(each, str | Limit)]
    everybody = () if plan else limits(*texts)
    return everybody, Plans(everybody, by_role, plan) if plan or by_role else None


def _read(written: Written | None) -> Sequence[Limit] | None:
    if written is None:
        return None
    several = (written,) if isinstance(written, str | Limit) else tuple(written)
    if not several:
        raise SetupError("a plan without limits; give None for a caller who has none")
    return _parsed(several)


# A plan is asked for at each request, and few are written differently.
@lru_cache(maxsize=1024)
def _parsed(written: tuple[str | Limit, ...]) -> tuple[Limit, ...]:
    return limits(*written)
