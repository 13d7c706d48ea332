"""App scope: one object per running app, brought along by `include_router`.

FastAPI's dependencies end with the request. A singleton is an ordinary dependency whose value
is made once per *run* of an app (one pass of its lifespan) and closed, in reverse order, when
that run ends. Here is the whole mechanism:

    Singleton       what is declared: a factory, and the ways to its value
    plan            the order in which to open a graph of them, or why it cannot be opened
    Replaced        FastAPI's own `app.dependency_overrides`
    Run             the values of one running app
    running         from a request to its run
    singletons      the lifespan that makes a Run and hands it to every request
    serve           the same lifespan, for tests that bring no server

Beside it: `factories.py` reads what a factory takes, `held.py` keeps a value open in a task of its
own, `dependencies.py` finds what an app's routes use.

The run lives in the lifespan state, which servers copy into each request's scope: two apps in
one process, or two test clients on one app, never see each other's values.
"""

import asyncio
import inspect
import logging
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Container,
    Generator,
    Iterator,
    Mapping,
    MutableMapping,
)
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast
from typing import overload as typing_overload

import anyio
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from backoffice.core import factories
from backoffice.core.dependencies import NAMED, declared
from backoffice.core.errors import SingletonError, Unavailable
from backoffice.core.held import Held

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Check = Callable[[T], Awaitable[object]]
ASGIApp = Callable[[Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]

log: logging.Logger = logging.getLogger(__name__)

#: Where the run is in the lifespan state.
STATE = "backoffice.run"
#: The run that this lifespan belongs to: FastAPI merges several of ours into one.
_current: ContextVar["Run | None"] = ContextVar("backoffice_run", default=None)
#: What tests put in place of values, in one context.
_overrides: ContextVar[Mapping["Singleton[Any]", Any]] = ContextVar(
    "backoffice_overrides", default=MappingProxyType({})
)


@dataclass(frozen=True)
class HealthCheck(Generic[T]):
    """What `@x.health` declares: raises, or takes longer than `timeout` seconds, when unwell."""

    check: Check[T]
    timeout: float
    required: bool


class Singleton(Generic[T]):
    """A value made once per run of the app; use it in a route as `Depends(singleton)`."""

    def __init__(self, factory: Callable[..., Any], name: str | None = None) -> None:
        self.factory = factory
        self.name: str = name or factories.name(factory)
        self.health_check: HealthCheck[T] | None = None
        self.last_work: Check[T] | None = None
        # A singleton that is a dependency itself reads itself.
        setattr(self, NAMED, (self,))

    async def __call__(self, connection: HTTPConnection) -> T:
        """The dependency itself: the value in this connection's run, opened if it must be."""
        if not _overrides.get():
            try:
                value: T = connection.scope["state"][STATE].values[self]
            except KeyError:
                pass  # not open yet, or no run at all: the way below tells which
            else:
                return value
        elif self in _overrides.get():
            return cast(T, _overrides.get()[self])
        return await running(connection).open(self)

    def of(self, connection: HTTPConnection) -> T:
        """The value in this connection's run, for hot paths: one look-up, no `Depends`.

        Raises SingletonError when the app is not running or nothing has opened the value, and
        Unavailable when it has stopped.
        """
        overrides = _overrides.get()
        if overrides and self in overrides:
            return cast(T, overrides[self])
        try:
            run: Run = connection.scope["state"][STATE]
            if not run.replaced.now:
                value: T = run.values[self]
                return value
        except KeyError:
            run = running(connection)
        return run.value(self)

    @contextmanager
    def override(self, value: T) -> Generator[T, None, None]:
        """Use `value` instead in this context (thread or task, and what they start): for tests.

        An override alive when a run starts reaches the singletons that need this one as well;
        one that begins later is what routes are given, and never built into a shared value.
        """
        token = _overrides.set({**_overrides.get(), self: value})
        try:
            yield value
        finally:
            _overrides.reset(token)

    @typing_overload
    def health(self, check: Check[T], /) -> Check[T]: ...
    @typing_overload
    def health(
        self, check: None = None, /, *, timeout: float = 2.0, required: bool = True
    ) -> Callable[[Check[T]], Check[T]]: ...
    def health(
        self, check: Check[T] | None = None, /, *, timeout: float = 2.0, required: bool = True
    ) -> Check[T] | Callable[[Check[T]], Check[T]]:
        """Declare the coroutine that tells whether an open value is well: `@database.health`.

        It is unwell when it raises or takes longer than `timeout` seconds. An app with an unwell
        singleton is not ready, or degraded only where the check is not `required`.
        """

        def declare(check: Check[T]) -> Check[T]:
            if not inspect.iscoroutinefunction(check):
                raise SingletonError(f"the health check of {self.name} must be an `async def`")
            if self.health_check is not None:
                raise SingletonError(f"{self.name} has a health check already")
            self.health_check = HealthCheck(check, timeout, required)
            return check

        return declare if check is None else declare(check)

    def ending(self, work: Check[T], /) -> Check[T]:
        """Declare the coroutine to await when a run ends, before any of its values closes.

        For work that others have left behind and that may use whatever is open: `@queue.ending`.
        """
        if not inspect.iscoroutinefunction(work):
            raise SingletonError(f"the ending of {self.name} must be an `async def`")
        if self.last_work is not None:
            raise SingletonError(f"{self.name} has an ending already")
        self.last_work = work
        return work

    @cached_property
    def needs(self) -> Mapping[str, "Singleton[Any]"]:
        """Parameter name to the singleton it takes.

        Raises SingletonError on a parameter that no run could fill.
        """
        found: dict[str, Singleton[Any]] = {}
        for name, wanted in factories.needs(self.factory).items():
            if wanted is factories.APP:
                found[name] = the_app
            elif wanted is factories.PERHAPS_APP:
                found[name] = perhaps_the_app
            elif isinstance(wanted, Singleton):
                found[name] = wanted
            else:
                raise SingletonError(
                    f"{self.name}({name}) takes a request dependency; "
                    "a singleton outlives requests, so it can take singletons only"
                )
        return found

    def gives(self) -> Any:
        """The type of the value, read from the factory's annotation; None if it has none."""
        return factories.gives(self.factory)

    def __repr__(self) -> str:
        return f"<singleton {self.name}>"


def _no_app() -> Starlette:
    raise SingletonError("this run has no app; write Run(app)")


#: The app itself, where a factory takes it.
the_app: Singleton[Starlette] = Singleton(_no_app, "the app")
#: The same, or None in a run without one, where a factory takes `Starlette | None`.
perhaps_the_app: Singleton[Starlette | None] = Singleton(lambda: None, "the app, if there is one")


def untouched(scope: Scope) -> Mapping[Singleton[Any], Any] | None:
    """The open values of this scope's run, for who reads several of them at each request.

    None where something may stand in for one of them, so that `of` alone gives the right one.
    """
    if _overrides.get():
        return None
    try:
        run: Run = scope["state"][STATE]
    except KeyError:
        return None
    return None if run.replaced.now else run.values


@typing_overload
def singleton(factory: type[T]) -> Singleton[T]: ...
@typing_overload
def singleton(factory: Callable[..., AsyncIterator[T]]) -> Singleton[T]: ...
@typing_overload
def singleton(factory: Callable[..., Iterator[T]]) -> Singleton[T]: ...
@typing_overload
def singleton(factory: Callable[..., Awaitable[T]]) -> Singleton[T]: ...
@typing_overload
def singleton(factory: Callable[..., T]) -> Singleton[T]: ...
def singleton(factory: Callable[..., Any]) -> Singleton[Any]:
    """Declare an app-scope value by an async generator, generator, coroutine, function or class.

    A plain function, generator or class runs on the event loop: one that blocks is written as a
    coroutine that awaits its work in a thread.
    """
    return Singleton(factory)


def plan(
    *roots: Singleton[Any],
    given: Container[Singleton[Any]] = (),
    replaced: Mapping[Any, Singleton[Any]] = MappingProxyType({}),
) -> list[Singleton[Any]]:
    """Every singleton that the roots reach, dependencies first.

    Those in `given` have a value, so that they and what they need are left out; `replaced` maps
    some to the ones that stand in for them.

    Raises SingletonError, with the path, when the graph cannot be built.
    """
    ordered: dict[Singleton[Any], None] = {}

    def visit(wanted: Singleton[Any], path: tuple[Singleton[Any], ...]) -> None:
        if wanted in given:
            return
        node = replaced.get(wanted, wanted)
        if node in path:
            circle = (*path[path.index(node) :], node)
            raise SingletonError(f"circular singletons: {_drawn(circle)}")
        if node in ordered or node in given:
            return
        try:
            needs = node.needs.values()
        except SingletonError as error:
            raise SingletonError(f"{error} (reached by {_drawn((*path, node))})") from None
        for need in needs:
            visit(need, (*path, node))
        ordered[node] = None

    for root in roots:
        visit(root, ())
    return list(ordered)


def _drawn(path: tuple[Singleton[Any], ...]) -> str:
    return " -> ".join(each.name for each in path)


class Replaced:
    """FastAPI's own `app.dependency_overrides`: which singletons others stand in for."""

    def __init__(self, app: Starlette | None) -> None:
        self._app = app
        self._stand_ins: dict[int, Singleton[Any]] = {}
        #: Those set before the run began: they reach the graph, and hold until it ends.
        self.at_start: dict[Singleton[Any], Singleton[Any]] = {
            each: self.stand_in(each) for each in self.now if isinstance(each, Singleton)
        }

    @property
    def now(self) -> Mapping[Any, Callable[..., Any]]:
        """The app's own dictionary, as it is at this moment."""
        return getattr(self._app, "dependency_overrides", {})

    def stand_in(self, wanted: Singleton[Any]) -> Singleton[Any]:
        """What stands in for it now: a singleton itself, or a function taken for one."""
        replacement = self.now[wanted]
        if isinstance(replacement, Singleton):
            return replacement
        return self._stand_ins.setdefault(id(replacement), Singleton(replacement))


class Run(AbstractAsyncContextManager["Run"]):
    """The singletons alive during one run of an app, or of a command; it needs asyncio.

    Outside HTTP: `async with Run(app) as run: db = await run.open(database)`. `open` makes what is
    not there yet, `value` gives what is; each value is kept open in a task of its own.
    """

    def __init__(self, app: Starlette | None = None) -> None:
        self.app = app
        #: What is open, what an override gave when the run began, and what stood in since.
        self.values: dict[Singleton[Any], Any] = {}
        #: How long each took to open, without what it needs; seconds.
        self.seconds: dict[Singleton[Any], float] = {}
        #: Those that ended before the run did, because a task of theirs failed.
        self.stopped: dict[Singleton[Any], BaseException | None] = {}
        self.replaced: Replaced = Replaced(None)
        self._held: dict[Singleton[Any], Held[Any]] = {}
        self._context: Context | None = None

    async def __aenter__(self) -> "Run":
        if self._context is not None or self._held:
            raise SingletonError("this run has begun before; each takes a Run() of its own")
        # What singletons are made from is settled here. A later opening is asked for by some
        # request: neither its overrides nor its context may get into a value that all share.
        self._context = copy_context()
        self.values.update(_overrides.get())
        self.replaced = Replaced(self.app)
        if self.app is not None:
            self.values[the_app] = self.values[perhaps_the_app] = self.app
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        failures = await self._end()
        self._context = None
        for each, held in reversed(list(self._held.items())):
            self.values.pop(each, None)
            failure = await held.close()
            if failure is not None and each not in self.stopped:
                failure.add_note(f"while closing the singleton {each.name}")
                failures.append(failure)
        self.values.clear()
        _raise_all(failures, error)

    async def _end(self) -> list[BaseException]:
        """Have the last work done; gives what went wrong."""
        failures: list[BaseException] = []
        for each in [*reversed(self._held)]:
            if each.last_work is not None and each in self.values:
                try:
                    # A cancelled scope around the run would cancel each step of it.
                    with anyio.CancelScope(shield=True):
                        await each.last_work(self.values[each])
                except BaseException as error:  # noqa: BLE001 - what is open is closed all the same
                    error.add_note(f"while ending the singleton {each.name}")
                    failures.append(error)
        return failures

    def plan(self, *roots: Singleton[Any]) -> list[Singleton[Any]]:
        """What is still to open for these; SingletonError when the graph cannot be built."""
        return plan(*roots, given=self.values, replaced=self.replaced.at_start)

    async def open(self, wanted: Singleton[T]) -> T:
        """The value of `wanted`, made with all it needs if this run has not made it yet."""
        overrides = _overrides.get()
        if wanted in overrides:
            return cast(T, overrides[wanted])
        for each in self.plan(wanted):
            if each not in self._held:
                self._hold(each)
            # The value is for all: one request that goes away does not end its opening.
            await asyncio.shield(self._held[each].opened)
        return self._kept(wanted)

    def value(self, wanted: Singleton[T]) -> T:
        """The value of `wanted`, which is open, or what `app.dependency_overrides` puts in place.

        SingletonError where nothing has opened it; Unavailable where it has stopped.
        """
        if wanted not in self.replaced.now:
            return self._kept(wanted)
        stand_in = self.replaced.stand_in(wanted)
        if stand_in not in self.values:  # set since the start
            self.values[stand_in] = _at_once(wanted, stand_in)
        return cast(T, self.values[stand_in])

    async def find(self, kind: type[T]) -> T | None:
        """The value of that type among the singletons that the app's routes use, or None."""
        for each in declared(self.app) if self.app is not None else ():
            gives = each.gives()
            if inspect.isclass(gives) and issubclass(gives, kind):
                return await self.open(cast(Singleton[T], each))
        return None

    def _kept(self, wanted: Singleton[T]) -> T:
        """What this run has for it; an override of the start is there under its own name."""
        kept = wanted if wanted in self.values else self.replaced.at_start.get(wanted, wanted)
        if kept in self.values:
            return cast(T, self.values[kept])
        if kept in self.stopped:
            raise Unavailable(
                "A part of this app has stopped; it must be started again.",
                code="singleton_stopped",
            )
        raise SingletonError(
            f"{wanted.name} is not open in this run: no route depends on it. "
            f"Name it in singletons({wanted.name}), or take it by Depends({wanted.name})."
        )

    def _hold(self, each: Singleton[Any]) -> None:
        if self._context is None:
            raise SingletonError(
                f"{each.name} cannot open: this run has not begun, or has ended; "
                "write `async with Run() as run:` and open within"
            )
        held = Held(f"the singleton {each.name}", self._made(each), self._context.copy())
        self._held[each] = held
        for need in each.needs.values():
            kept = self._held.get(self.replaced.at_start.get(need, need))
            if kept is not None:
                kept.users.append(held)
        held.task.add_done_callback(lambda _: self._ended(each, held))

    @asynccontextmanager
    async def _made(self, each: Singleton[Any]) -> AsyncGenerator[Any, None]:
        arguments = {name: self._kept(need) for name, need in each.needs.items()}
        started = time.perf_counter()
        try:
            async with factories.entered(each.factory, arguments) as value:
                self.seconds[each] = time.perf_counter() - started
                self.values[each] = value
                log.debug("opened %s in %.1f ms", each.name, self.seconds[each] * 1000)
                yield value
        except BaseException as error:
            if each not in self.seconds:
                error.add_note(f"while opening the singleton {each.name}")
            raise

    def _ended(self, each: Singleton[Any], held: Held[Any]) -> None:
        if held.opened.exception() is not None:
            self._held.pop(each, None)  # the next one to ask tries again
        elif self._context is not None:
            self.stopped[each] = held.failure
            self.values.pop(each, None)
            log.error("the singleton %s has stopped", each.name, exc_info=held.failure)


def _raise_all(failures: list[BaseException], error: BaseException | None) -> None:
    """Raise what went wrong while closing, unless `error`, or a cancellation, says more."""
    reason = error or next((each for each in failures if _is_cancellation(each)), None)
    if reason is None and len(failures) == 1:
        raise failures[0]
    if reason is None and failures:
        raise BaseExceptionGroup("several singletons failed to close", failures)
    for each in failures:
        if not _is_cancellation(each):
            log.error("a singleton failed to close", exc_info=each)
    if reason is not None and error is None:
        raise reason


def _is_cancellation(error: BaseException) -> bool:
    return isinstance(error, asyncio.CancelledError)


def _at_once(wanted: Singleton[Any], stand_in: Singleton[Any]) -> Any:
    """What a plain function gives, without a task to open it in."""
    if stand_in.needs or not factories.runs_at_once(stand_in.factory):
        raise SingletonError(
            f"app.dependency_overrides[{wanted.name}] is not open: it was set after the app had "
            "started, or no route depends on it, and it is not a plain function. Set it before "
            f"the start, or use `with {wanted.name}.override(value):`"
        )
    return stand_in.factory()


def running(connection: HTTPConnection) -> Run:
    """The run that this connection belongs to; SingletonError when the app was never started."""
    try:
        return cast(Run, connection.scope["state"][STATE])
    except KeyError:
        raise SingletonError(
            "the app's singletons are not open. If the app includes no router of ours, or includes "
            "it in a router that was included before, write FastAPI(lifespan=singletons()) or, "
            "where it has a lifespan of its own, "
            "app.include_router(APIRouter(lifespan=singletons())). In tests write "
            "`with TestClient(app) as client:`, or `async with serve(app) as asgi:` around "
            "ASGITransport(asgi). A mounted app takes them from its parent. A server must run the "
            "lifespan, and hand its state on."
        ) from None


def singletons(*extra: Singleton[Any]) -> Callable[[Any], AbstractAsyncContextManager[Any]]:
    """A lifespan that opens what the app's routes use, and `extra`.

    For `APIRouter(lifespan=singletons())` or `FastAPI(lifespan=singletons())`. FastAPI merges
    the lifespans of included routers, so that any number of these may meet in one run: the first
    opens, the others find it open. The whole graph is checked before anything opens.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[dict[str, Any], None]:
        outer = _current.get()
        if outer is not None and outer.app is app:
            for each in extra:
                await outer.open(each)
            yield {STATE: outer}
            return
        wanted = {**dict.fromkeys(extra, "singletons()"), **declared(app)}
        async with Run(app) as run:
            for each, asker in wanted.items():
                _check(run, each, asker)
            _current.set(run)
            try:
                for each in wanted:
                    await run.open(each)
                yield {STATE: run}
            finally:
                # Not reset(token): a test's fixture may end in another context than it began.
                _current.set(outer)

    setattr(lifespan, NAMED, extra)
    return lifespan


def _check(run: Run, wanted: Singleton[Any], asker: str) -> None:
    try:
        run.plan(wanted)
    except SingletonError as error:
        raise SingletonError(f"{error}, for {asker}") from None


@asynccontextmanager
async def serve(app: Starlette) -> AsyncGenerator[ASGIApp, None]:
    """Run `app`'s lifespan, in a task of its own as a server does, and give an ASGI app that
    carries its state, for ASGITransport."""
    context = copy_context()
    context.run(_current.set, None)  # a run of its own, even within another of the same app
    held = Held("the app", app.router.lifespan_context(app), context)
    try:
        state = await asyncio.shield(held.opened)

        async def asgi(scope: Scope, receive: Any, send: Any) -> None:
            scope["state"] = {**scope.get("state", {}), **(state or {})}
            await app(scope, receive, send)

        yield asgi
    except BaseException:
        if (failure := await held.close()) is not None:
            log.exception("the app failed to end as well", exc_info=failure)
        raise
    if (failure := await held.close()) is not None:
        raise failure
