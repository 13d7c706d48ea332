"""What `backoffice doctor` looks at besides settings: debugging, clocks, versions."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi.routing import iter_route_contexts
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.routing import Host, Mount

from backoffice.core.advisories import REVIEWED, known_weaknesses
from backoffice.core.checks import Finding
from backoffice.core.database import database
from backoffice.core.errors import BackofficeError
from backoffice.core.singletons import Run

#: Seconds by which clocks may differ: tokens and limits are counted in seconds.
APART, FAR_APART = 1.0, 30.0
NTP = "have both machines keep time by NTP"


async def deployment_checks(run: Run) -> AsyncIterator[Finding]:
    """Debugging, the clock of the database, and versions with known weaknesses."""
    if run.app is not None:
        yield _debug(run.app)
    if (clock := await _clock(run)) is not None:
        yield clock
    for finding in _versions():
        yield finding


def of_clock(id: str, name: str, apart: float) -> Finding:
    """What it means that a server's clock is so many seconds ahead of this machine's."""
    told = f"{name} is {abs(apart):.1f} s {'ahead of' if apart > 0 else 'behind'} this machine"
    if abs(apart) > FAR_APART:
        return Finding(id, "error", told, NTP)
    if abs(apart) > APART:
        return Finding(id, "warning", told, NTP)
    return Finding(id, "ok", f"{name} and this machine agree")


def apart(told: float, asked: float, answered: float) -> float:
    """How far a clock is ahead, at the least: it was read some time between the two."""
    if told > answered:
        return told - answered
    return min(0.0, told - asked)


def _debug(app: Starlette) -> Finding:
    places = list(_in_debug(app, ""))
    if not places:
        return Finding("core.debug", "ok", "off")
    return Finding(
        "core.debug",
        "error",
        f"on in {', '.join(places)}: errors show source code and variables to whoever asks",
        "leave debug=True out of FastAPI(...)",
    )


def _in_debug(app: Any, path: str) -> Iterator[str]:
    if getattr(app, "debug", False):
        yield f"the app at {path or '/'}"
    # As the app finds them: in included routers too, and behind a mount's own layers.
    for each in iter_route_contexts(list(getattr(app, "routes", None) or ())):
        route = each.original_route
        if isinstance(route, Mount | Host):
            below = f"//{route.host}" if isinstance(route, Host) else each.path
            yield from _in_debug(getattr(route, "_base_app", route.app), f"{path}{below}")


async def _clock(run: Run) -> Finding | None:
    """None where the database does not answer, which another finding says."""
    opened = await run.open(database)
    if opened.dialect == "sqlite":
        return Finding("core.clock", "ok", "the database has this machine's")
    try:
        await opened.ping()  # the connection takes its time, and is none of the clock's
        asked = time.time()
        rows = await opened.read(text("SELECT extract(epoch FROM clock_timestamp())"))
    except BackofficeError:
        return None
    return of_clock("core.clock", "the database", apart(float(rows[0][0]), asked, time.time()))


def _versions() -> Iterator[Finding]:
    known = list(known_weaknesses())
    for each, found in known:
        yield Finding(
            "core.versions",
            "error",
            f"{each.package} {found} has a known weakness: {each.what} ({each.id})",
            f"install {each.package} {each.fixed} or newer",
        )
    if not known:
        yield Finding("core.versions", "ok", f"none with a weakness known on {REVIEWED}")
