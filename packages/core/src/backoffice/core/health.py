"""Health: whether what the app stands on is well, for platforms that start and stop it.

`/health/live` says that the process answers, whatever else is wrong: restarting it would not mend
a database. `/health/ready` says whether requests should be sent here.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backoffice.core.access import Admits, admits
from backoffice.core.callers import callers
from backoffice.core.dependencies import declared, reads
from backoffice.core.errors import BackofficeError, SingletonError, Unavailable
from backoffice.core.graph import labels, mermaid
from backoffice.core.singletons import (
    HealthCheck,
    Run,
    Singleton,
    plan,
    running,
    singleton,
    singletons,
)

log: logging.Logger = logging.getLogger(__name__)

#: What a caller must hold to see more than one word.
PERMISSION = "health:read"
#: However many ask, the checks run once in this time; seconds.
FRESH = 1.0
#: What a check that is stopped may take to clean up; seconds.
STOPPING = 1.0
#: A caller who is not known by then is a stranger; seconds.
KNOWN_WITHIN = 2.0
UNCACHED: dict[str, str] = {"Cache-Control": "no-store"}

Status = Literal["ok", "degraded", "failed"]


@dataclass(frozen=True)
class Health:
    """How one singleton is; `seconds` is how long its check took."""

    name: str
    well: bool
    required: bool
    seconds: float
    message: str = ""
    error: BaseException | None = field(default=None, repr=False, compare=False)


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
        #: A check that hangs is asked again only when it has come back.
        self._asked: dict[Singleton[Any], asyncio.Task[None]] = {}

    async def look(self, run: Run) -> tuple[Status, list[Health]]:
        """The status, and how each singleton is."""
        async with self._lock:
            if self._looked is None or time.monotonic() - self._looked > FRESH:
                found = await self.examine(run)
                self._note(status(found), found)
                self._found, self._looked = found, time.monotonic()
            return self._status, self._found

    async def examine(self, run: Run) -> list[Health]:
        """How each singleton is that has a check, or has stopped, or needs one that has."""
        names = labels([*run.values, *run.stopped])
        # What a test put in place has not been opened by the run, and is not the check's business.
        checks = {each: each.health_check for each in run.seconds if each in run.values}
        found = [
            self._asked_of(names[each], each, check, run.values[each])
            for each, check in checks.items()
            if check is not None and not _dead_needs(run, each)
        ]
        dead = [each for each in run.seconds if each in run.stopped or _dead_needs(run, each)]
        return [*await asyncio.gather(*found), *(_dead(run, names[each], each) for each in dead)]

    async def stop(self) -> None:
        """End the checks that hang, or that nobody waits for any more."""
        asked = {each: task for each, task in self._asked.items() if not task.done()}
        for task in asked.values():
            task.cancel()
        if asked:
            await asyncio.wait(asked.values(), timeout=STOPPING)
        for each, task in asked.items():
            if not task.done():
                log.error("health: the check of %s does not end", each.name)

    async def _asked_of(
        self, name: str, each: Singleton[Any], check: HealthCheck[Any], value: Any
    ) -> Health:
        started = time.perf_counter()
        task = self._asked.get(each)
        if task is None or task.done():
            task = self._asked[each] = asyncio.create_task(_told(check, value))
        # Not wait_for, which waits on for a check that does not heed its cancellation.
        await asyncio.wait({task}, timeout=check.timeout)
        seconds = round(time.perf_counter() - started, 6)
        if not task.done():
            task.cancel()
            message = f"no answer within {check.timeout:g} s"
            return Health(name, False, check.required, seconds, message)
        if task.cancelled():  # by the look before, or by what it awaited
            return Health(name, False, check.required, seconds, "the check was cancelled")
        error = task.exception()
        return Health(name, error is None, check.required, seconds, _message(error), error)

    def _note(self, status: Status, found: list[Health]) -> None:
        """Log what has changed: not what a probe finds again each second."""
        before = {each.name: each.well for each in self._found}
        for each in found:
            if not each.well and before.get(each.name, True):
                told = "health: %s is unwell: %s"
                log.warning(told, each.name, each.message, exc_info=each.error)
            elif each.well and not before.get(each.name, True):
                log.warning("health: %s is well again", each.name)
        if status != self._status:
            log.warning("health: %s, was %s", status, self._status)
        self._status = status


async def _told(check: HealthCheck[Any], value: Any) -> None:
    await check.check(value)


def _message(error: BaseException | None) -> str:
    if error is None or isinstance(error, BackofficeError):
        return error.message if error is not None else ""
    # A driver's own message may hold an address or a password: the log has it.
    return type(error).__name__


def _dead_needs(run: Run, each: Singleton[Any]) -> list[Singleton[Any]]:
    # As the run opened it: what was put in place of a singleton, and not what that one needs.
    given = run.values.keys() - run.seconds.keys()
    needs = plan(each, given=given, replaced=run.replaced.at_start)
    return [need for need in needs if need is not each and need in run.stopped]


def _dead(run: Run, name: str, each: Singleton[Any]) -> Health:
    required = each.health_check is None or each.health_check.required
    if each in run.stopped:
        return Health(name, False, required, 0.0, "has stopped; the app must be started again")
    needs = ", ".join(need.name for need in _dead_needs(run, each))
    return Health(name, False, required, 0.0, f"needs {needs}, which has stopped")


@singleton
def readiness() -> Readiness:
    """The health of this run of the app."""
    return Readiness()


@readiness.ending
async def _stop_checks(readiness: Readiness) -> None:
    await readiness.stop()


#: `app.include_router(health_router)`: `GET /health/live` and `GET /health/ready`. One word for
#: strangers; callers who hold `health:read` see each check, how long each singleton took to open,
#: and the graph.
health_router: APIRouter = APIRouter(prefix="/health", tags=["health"], lifespan=singletons())


@health_router.head("/live", include_in_schema=False)
@health_router.get("/live")
@admits(Admits())
async def live() -> Response:
    """Whether the process answers."""
    return JSONResponse({"status": "ok"}, headers=UNCACHED)


@reads(callers)
async def details(request: Request) -> bool:
    """Whether this caller may see more than the status."""
    try:
        async with asyncio.timeout(KNOWN_WITHIN):
            return await callers.of(request).may(request, PERMISSION)
    except (Unavailable, TimeoutError, OSError):
        return False  # nobody can be known while the database is away: health is told all the same


@health_router.head("/ready", include_in_schema=False)
@health_router.get("/ready", responses={503: {"description": "Not ready"}})
@admits(Admits(who=f"details: {PERMISSION}"))
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
        "checks": [
            {
                "name": each.name,
                "well": each.well,
                "required": each.required,
                "seconds": each.seconds,
                "message": each.message,
            }
            for each in checks
        ],
        "singletons": [
            {"name": names[each], "seconds": round(took, 6)} for each, took in run.seconds.items()
        ],
        "graph": _graph(run),
    }


def _graph(run: Run) -> str:
    try:
        return mermaid(declared(run.app), run.seconds) if run.app is not None else ""
    except SingletonError as error:  # a route added since that cannot be built
        return error.message
