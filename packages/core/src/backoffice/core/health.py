"""Health: whether what the app stands on is well, for platforms that start and stop it.

`/health/live` says that the process answers, whatever else is wrong: restarting it would not mend
a database. `/health/ready` says whether requests should be sent here.
"""

import asyncio
import logging
import time
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backoffice.core.callers import callers
from backoffice.core.dependencies import reads
from backoffice.core.errors import BackofficeError, Unavailable
from backoffice.core.graph import labels, mermaid
from backoffice.core.singletons import (
    HealthCheck,
    Run,
    Singleton,
    declared,
    running,
    singleton,
    singletons,
)

log: logging.Logger = logging.getLogger(__name__)

#: What a caller must hold to see more than one word.
PERMISSION = "health:read"
#: However many ask, the checks run once in this time; seconds.
FRESH = 1.0
UNCACHED = {"Cache-Control": "no-store"}

Status = Literal["ok", "degraded", "failed"]


@dataclass(frozen=True)
class Health:
    """How one singleton is; `seconds` is how long its check took."""

    name: str
    well: bool
    required: bool
    seconds: float
    message: str = ""


async def health(run: Run) -> list[Health]:
    """Ask every open singleton that has a check, all at once, each within its own time."""
    asked = [(each, each.health_check) for each in run.values if each.health_check is not None]
    names = labels([*run.values, *run.stopped])
    found = await asyncio.gather(
        *(_asked(names[each], check, run.values[each]) for each, check in asked)
    )
    return [*found, *(_stopped(names[each], each) for each in run.stopped)]


async def _asked(name: str, check: HealthCheck[Any], value: Any) -> Health:
    started = time.perf_counter()
    # Not wait_for, which waits on for a check that does not heed its cancellation.
    task = asyncio.ensure_future(check.check(value))
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        await asyncio.wait({task}, timeout=check.timeout)
        message = _message(task, check.timeout)
    finally:
        task.cancel()
    seconds = time.perf_counter() - started
    return Health(name, not message, check.required, round(seconds, 6), message)


def _message(task: "asyncio.Future[object]", timeout: float) -> str:
    if not task.done():
        return f"no answer within {timeout:g} s"
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    if error is None or isinstance(error, BackofficeError):
        return error.message if error is not None else ""
    # A driver's own message may hold an address or a password: the log has it.
    log.warning("a health check failed", exc_info=error)
    return type(error).__name__


def _stopped(name: str, each: Singleton[Any]) -> Health:
    required = each.health_check is None or each.health_check.required
    return Health(name, False, required, 0.0, "has stopped; the app must be started again")


def status(found: list[Health]) -> Status:
    """`failed` if anything required is unwell, `degraded` if anything else is."""
    if any(each.required and not each.well for each in found):
        return "failed"
    return "ok" if all(each.well for each in found) else "degraded"


class Readiness:
    """The health of a running app, looked at once for all who ask within a second."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._found: list[Health] = []
        self._looked: float | None = None
        self._status: Status = "ok"

    async def look(self, run: Run) -> tuple[Status, list[Health]]:
        """The status, and how each singleton is."""
        async with self._lock:
            if self._looked is None or time.monotonic() - self._looked > FRESH:
                self._found = await health(run)
                self._looked = time.monotonic()
                self._note(status(self._found))
            return self._status, self._found

    def _note(self, found: Status) -> None:
        if found != self._status:
            unwell = ", ".join(each.name for each in self._found if not each.well) or "nothing"
            log.warning("health: %s, was %s; unwell: %s", found, self._status, unwell)
        self._status = found


@singleton
def readiness() -> Readiness:
    """The health of this run of the app."""
    return Readiness()


#: `app.include_router(health_router)`: `GET /health/live` and `GET /health/ready`. One word for
#: strangers; callers who hold `health:read` see each check, how long each singleton took to open,
#: and the graph.
health_router: APIRouter = APIRouter(prefix="/health", tags=["health"], lifespan=singletons())


@health_router.head("/live", include_in_schema=False)
@health_router.get("/live")
async def live() -> Response:
    """Whether the process answers."""
    return JSONResponse({"status": "ok"}, headers=UNCACHED)


@reads(callers)
async def details(request: Request) -> bool:
    """Whether this caller may see more than the status."""
    try:
        return await callers.of(request).may(request, PERMISSION)
    except Unavailable:
        return False  # nobody can be known while the database is away: health is told all the same


@health_router.head("/ready", include_in_schema=False)
@health_router.get("/ready", responses={503: {"description": "Not ready"}})
async def ready(
    request: Request,
    permitted: Annotated[bool, Depends(details)],
    readiness: Annotated[Readiness, Depends(readiness)],
) -> Response:
    """Whether requests should be sent here: 200, or 503 while something required is unwell."""
    run = running(request)
    found, checks = await readiness.look(run)
    report = {"status": found, **(_report(run, checks) if permitted else {})}
    if found == "failed":
        raise Unavailable("This app is not ready.", code="not_ready", headers=UNCACHED, **report)
    return JSONResponse(report, headers=UNCACHED)


def _report(run: Run, checks: list[Health]) -> dict[str, Any]:
    names = labels(run.seconds)
    return {
        "checks": [asdict(each) for each in checks],
        "singletons": [
            {"name": names[each], "seconds": round(took, 6)} for each, took in run.seconds.items()
        ],
        "graph": mermaid(declared(run.app), run.seconds) if run.app is not None else "",
    }
