"""App scope: one object per running app, brought along by `include_router`.

FastAPI's dependencies end with the request. A singleton is an ordinary dependency whose value
is made once per *run* of an app (one pass of its lifespan) and closed, in reverse order, when
that run ends. This file is the whole mechanism, in the order in which it is used:

    Singleton       what is declared: a factory, what it needs, and how to reach its value
    plan            the order in which to open a graph of them, or why it cannot be opened
    Run             the values of one running app, each kept by a task of its own
    singletons      the lifespan that makes a Run and hands it to every request
    serve           the same lifespan, for tests that bring no server

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
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextlib import contextmanager as sync_context_manager
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Generic, TypeVar, cast, get_args, get_origin, get_type_hints
from typing import overload as typing_overload

import anyio
from fastapi import params
from fastapi.routing import iter_route_contexts
from pydantic_settings import BaseSettings
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Host, Mount

from backoffice.core.errors import SingletonError, Unavailable

T = TypeVar("T")
Scope = MutableMapping[str, Any]
Check = Callable[[T], Awaitable[object]]
ASGIApp = Callable[[Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]

log: logging.Logger = logging.getLogger(__name__)

STATE = "backoffice.run"
_WRAPPING = {AsyncIterator, AsyncGenerator, Iterator, Generator, Awaitable}
_starting: ContextVar["Run | None"] = ContextVar("backoffice_run", default=None)
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
        self.name: str = name or str(getattr(factory, "__name__", factory))
        self.health_check: HealthCheck[T] | None = None

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
        run = running(connection)
        return cast(T, run.values[self]) if self in run.values else await run.open(self)

    def of(self, connection: HTTPConnection) -> T:
        """The value in this connection's run, for hot paths: one look-up, no `Depends`.

        Raises SingletonError when the app is not running or nothing has opened the value.
        """
        overrides = _overrides.get()
        if overrides and self in overrides:
            return cast(T, overrides[self])
        try:
            run: Run = connection.scope["state"][STATE]
            if not run.replacements:
                value: T = run.values[self]
                return value
        except KeyError:
            run = running(connection)
        return run.replaced(self)

    @sync_context_manager
    def override(self, value: T) -> Iterator[T]:
        """Use `value` instead within this context (thread or task) only: for tests.

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
            if self.health_check is not None:
                raise SingletonError(f"{self.name} has a health check already")
            self.health_check = HealthCheck(check, timeout, required)
            return check

        return declare if check is None else declare(check)

    @cached_property
    def needs(self) -> Mapping[str, "Singleton[Any] | None"]:
        """Parameter name to the singleton it takes; None where it takes the app.

        Raises SingletonError on a parameter that no run could fill.
        """
        found: dict[str, Singleton[Any] | None] = {}
        hints = self._hints()
        for parameter in self._parameters():
            hint = hints.get(parameter.name)
            dependency = _dependency(hint, parameter)
            if isinstance(dependency, Singleton):
                found[parameter.name] = dependency
            elif dependency is not None:
                raise SingletonError(
                    f"{self.name}({parameter.name}) takes a request dependency; "
                    "a singleton outlives requests, so it can take singletons only"
                )
            elif inspect.isclass(hint) and issubclass(hint, Starlette):
                found[parameter.name] = None
            elif parameter.default is parameter.empty:
                raise SingletonError(
                    f"{self.name}({parameter.name}) is neither a singleton nor has a default; "
                    f"write {parameter.name}: Annotated[..., Depends(some_singleton)]"
                )
        return found

    def gives(self) -> Any:
        """The type of the value, read from the factory's annotation; None if it has none."""
        if inspect.isclass(self.factory):
            return self.factory
        try:
            hint = get_type_hints(self.factory).get("return")
        except (NameError, TypeError):
            return None
        return get_args(hint)[0] if get_origin(hint) in _WRAPPING and get_args(hint) else hint

    def _parameters(self) -> list[inspect.Parameter]:
        if inspect.isclass(self.factory) and issubclass(self.factory, BaseSettings):
            return []  # its fields come from the environment, though they are parameters as well
        try:
            parameters = inspect.signature(self.factory).parameters.values()
        except ValueError:  # builtins such as dict have no signature
            return []
        gathering = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return [each for each in parameters if each.kind not in gathering]

    def _hints(self) -> dict[str, Any]:
        target: Any = getattr(self.factory, "func", self.factory)  # of a functools.partial
        if inspect.isclass(target):
            target = target.__init__
        elif not inspect.isroutine(target):
            target = type(target).__call__
        try:
            return get_type_hints(target, include_extras=True)
        except NameError as error:
            raise SingletonError(
                f"the annotations of {self.name} cannot be read: {error}. "
                "Import what they name in the module itself, not under TYPE_CHECKING."
            ) from None

    def __repr__(self) -> str:
        return f"<singleton {self.name}>"


def _dependency(hint: Any, parameter: inspect.Parameter) -> Any:
    marks = list(get_args(hint)[1:]) if get_origin(hint) is Annotated else []
    for mark in [*marks, parameter.default]:
        if isinstance(mark, params.Depends):
            return mark.dependency or get_args(hint)[0]
    return None


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
            if need is not None:
                visit(need, (*path, node))
        ordered[node] = None

    for root in roots:
        visit(root, ())
    return list(ordered)


def _drawn(path: tuple[Singleton[Any], ...]) -> str:
    return " -> ".join(each.name for each in path)


class _Held(Generic[T]):
    """A context manager held open in a task of its own.

    So it may hold a task group: cancel scopes must be left in the task that entered them, which
    the request that opened it, or a test's fixture, may have outlived.
    """

    def __init__(self, manager: AbstractAsyncContextManager[T], context: Context) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[T] = loop.create_future()
        self._closing = asyncio.Event()
        self.task = loop.create_task(self._hold(manager), context=context)

    async def _hold(self, manager: AbstractAsyncContextManager[T]) -> None:
        try:
            async with manager as value:
                self.opened.set_result(value)
                await self._closing.wait()
        except asyncio.CancelledError:
            if not self.opened.done():
                self.opened.set_exception(SingletonError("cancelled before it was open"))
            raise
        except BaseException as error:
            if self.opened.done():
                raise
            self.opened.set_exception(error)
        finally:
            self.opened.exception()  # heard, even where nobody waits any more

    async def close(self) -> BaseException | None:
        """Leave the context manager, or stop entering it; gives what went wrong."""
        if self.opened.done():
            self._closing.set()
        else:
            self.task.cancel()
        # A cancelled scope of the caller's would cancel this wait again and again.
        with anyio.CancelScope(shield=True):
            await asyncio.wait({self.task})
        return None if self.task.cancelled() else self.task.exception()


class Run(AbstractAsyncContextManager["Run"]):
    """The singletons alive during one run of an app, or of a command; it needs asyncio.

    Outside HTTP: `async with Run(app) as run: db = await run.open(database)`.
    """

    def __init__(self, app: Starlette | None = None) -> None:
        self.app = app
        #: What is open now, and what an override gave when the run began.
        self.values: dict[Singleton[Any], Any] = {}
        #: How long each took to open, without what it needs; seconds.
        self.seconds: dict[Singleton[Any], float] = {}
        #: Those that ended before the run did, because a task of theirs failed.
        self.stopped: dict[Singleton[Any], BaseException | None] = {}
        self._held: dict[Singleton[Any], _Held[Any]] = {}
        self._stand_ins: dict[int, Singleton[Any]] = {}
        self._replaced: dict[Any, Singleton[Any]] = {}
        self._context: Context | None = None

    async def __aenter__(self) -> "Run":
        # What a singleton is made from is settled here. A later opening is asked for by some
        # request: neither its overrides nor its context may get into a value that all share.
        self._context = copy_context()
        self.values.update(_overrides.get())
        replaced = [each for each in self.replacements if isinstance(each, Singleton)]
        self._replaced = {each: self._stand_in(each) for each in replaced}
        return self

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._context = None
        failures: list[BaseException] = []
        for each, held in reversed(list(self._held.items())):
            failure = await held.close()
            self.values.pop(each, None)
            if failure is not None and each not in self.stopped:
                failure.add_note(f"while closing the singleton {each.name}")
                failures.append(failure)
        self.values.clear()
        if error is not None:
            for failure in failures:  # what stopped the run is the error to raise
                log.error("a singleton failed to close", exc_info=failure)
        elif len(failures) == 1:
            raise failures[0]
        elif failures:
            raise BaseExceptionGroup("several singletons failed to close", failures)

    def check(self, *roots: Singleton[Any]) -> None:
        """Raise SingletonError, before anything opens, when the graph cannot be built."""
        self._plan(*roots)

    async def open(self, wanted: Singleton[T]) -> T:
        """The value of `wanted`, made with all it needs if this run has not made it yet."""
        overrides = _overrides.get()
        if wanted in overrides:
            return cast(T, overrides[wanted])
        for each in self._plan(wanted):
            if each not in self._held:
                self._hold(each)
            # The value is for all: one request that goes away does not end its opening.
            await asyncio.shield(self._held[each].opened)
        return self.value(wanted)

    def value(self, wanted: Singleton[T]) -> T:
        """The value of `wanted`, which is open; Unavailable where it has stopped, SingletonError
        where nothing has opened it."""
        kept = wanted if wanted in self.values else self._replaced.get(wanted, wanted)
        try:
            return cast(T, self.values[kept])
        except KeyError:
            raise self._absent(kept) from None

    def replaced(self, wanted: Singleton[T]) -> T:
        """The value for `.of` while `app.dependency_overrides` holds anything."""
        if wanted not in self.replacements:
            return self.value(wanted)
        stand_in = self._stand_in(wanted)
        if stand_in not in self.values:  # replaced since the start
            self.values[stand_in] = _at_once(wanted, stand_in)
        return cast(T, self.values[stand_in])

    async def find(self, kind: type[T]) -> T | None:
        """The value of that type among the singletons that the app's routes use, or None."""
        for each in used(self.app.routes) if self.app is not None else ():
            gives = each.gives()
            if inspect.isclass(gives) and issubclass(gives, kind):
                return await self.open(cast(Singleton[T], each))
        return None

    @property
    def replacements(self) -> Mapping[Any, Callable[..., Any]]:
        """FastAPI's own `app.dependency_overrides`; those set before the start hold for the run."""
        return getattr(self.app, "dependency_overrides", {})

    def _plan(self, *roots: Singleton[Any]) -> list[Singleton[Any]]:
        planned = plan(*roots, given=self.values, replaced=self._replaced)
        for each in planned:
            if self.app is None and None in each.needs.values():
                raise SingletonError(f"{each.name} takes the app, and this run has none: Run(app)")
        return planned

    def _absent(self, wanted: Singleton[Any]) -> Exception:
        if wanted in self.stopped:
            return Unavailable(
                "A part of this app has stopped; it must be started again.",
                code="singleton_stopped",
            )
        return SingletonError(
            f"{wanted.name} is not open in this run: no route depends on it. "
            f"Name it in singletons({wanted.name}), or take it by Depends({wanted.name})."
        )

    def _stand_in(self, wanted: Singleton[Any]) -> Singleton[Any]:
        replacement = self.replacements[wanted]
        if isinstance(replacement, Singleton):
            return replacement
        return self._stand_ins.setdefault(id(replacement), Singleton(replacement))

    def _hold(self, each: Singleton[Any]) -> None:
        if self._context is None:
            raise SingletonError(
                f"{each.name} cannot open: this run has not begun, or has ended; "
                "write `async with Run() as run:` and open within"
            )
        held = self._held[each] = _Held(self._made(each), self._context.copy())
        held.task.add_done_callback(lambda _: self._ended(each, held))

    @asynccontextmanager
    async def _made(self, each: Singleton[Any]) -> AsyncIterator[Any]:
        arguments = {
            name: self.app if need is None else self.value(need)
            for name, need in each.needs.items()
        }
        started = time.perf_counter()
        try:
            async with _entered(each, arguments) as value:
                self.seconds[each] = time.perf_counter() - started
                self.values[each] = value
                log.debug("opened %s in %.1f ms", each.name, self.seconds[each] * 1000)
                yield value
        except BaseException as error:
            if each not in self.values:
                error.add_note(f"while opening the singleton {each.name}")
            raise

    def _ended(self, each: Singleton[Any], held: _Held[Any]) -> None:
        if held.opened.exception() is not None:
            self._held.pop(each, None)  # the next one to ask tries again
        elif self._context is not None:
            error = None if held.task.cancelled() else held.task.exception()
            self.stopped[each] = error
            self.values.pop(each, None)
            log.error("the singleton %s has stopped", each.name, exc_info=error)


@asynccontextmanager
async def _entered(each: Singleton[Any], arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
    made = each.factory(**arguments)
    if inspect.isasyncgen(made):
        async with asynccontextmanager(lambda: made)() as value:
            yield value
    elif inspect.isgenerator(made):
        with sync_context_manager(lambda: made)() as value:
            yield value
    elif inspect.isclass(each.factory):  # its instance is the value, awaitable or not
        yield made
    elif inspect.isawaitable(made):
        yield await made
    elif isinstance(made, Iterator | AsyncIterator):
        # No type checker can tell this from a generator: it takes the value for what is iterated.
        raise SingletonError(f"{each.name} returns an iterator; write `yield` instead")
    else:
        yield made


def _at_once(wanted: Singleton[Any], stand_in: Singleton[Any]) -> Any:
    """What a plain function gives, without a task to open it in."""
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    factory = stand_in.factory
    if stand_in.needs or any(kind(factory) for kind in kinds):
        raise SingletonError(
            f"app.dependency_overrides[{wanted.name}] was set after the app had started, and is "
            "not a plain function: set it before the start, or use "
            f"`with {wanted.name}.override(value):`"
        )
    return factory()


def running(connection: HTTPConnection) -> Run:
    """The run that this connection belongs to; SingletonError when the app was never started."""
    try:
        return cast(Run, connection.scope["state"][STATE])
    except KeyError:
        raise SingletonError(
            "the app's singletons are not open. If the app includes no router of ours, write "
            "FastAPI(lifespan=singletons()), or, where it has a lifespan of its own, "
            "app.include_router(APIRouter(lifespan=singletons())). In tests write "
            "`with TestClient(app) as client:`, or `async with serve(app) as asgi:` around "
            "ASGITransport(asgi). A mounted app takes them from its parent."
        ) from None


def declared(app: Starlette) -> list[Singleton[Any]]:
    """The singletons that open when the app starts: those that routers name and routes use."""
    return list(dict.fromkeys([*_named(app.router.lifespan_context), *used(app.routes)]))


def _named(lifespan: Any) -> Iterator[Singleton[Any]]:
    """What each `singletons(...)` among the lifespans that FastAPI has merged names as `extra`.

    Only their closures hold them. Were one not found here, it would still open in its turn.
    """
    yield from getattr(lifespan, "singletons", ())
    function = inspect.unwrap(lifespan)
    if getattr(function, "__module__", None) == iter_route_contexts.__module__:
        for cell in getattr(function, "__closure__", None) or ():
            yield from _named(cell.cell_contents)


def used(routes: list[BaseRoute]) -> Iterator[Singleton[Any]]:
    """The singletons that these routes, and the apps mounted among them, depend on."""
    seen: set[Any] = set()
    for context in iter_route_contexts(routes):
        if isinstance(context.original_route, Mount | Host):
            yield from used(list(context.original_route.routes))
        pending = [found] if (found := getattr(context, "dependant", None)) else []
        while pending:
            dependant = pending.pop()
            if dependant.call not in seen:
                seen.add(dependant.call)
                yield from _carried(dependant.call)
                pending += dependant.dependencies


def _carried(call: Any) -> tuple[Singleton[Any], ...]:
    """A dependency that reads singletons by `.of` names them in its `singletons` attribute."""
    if isinstance(call, Singleton):
        return (call,)
    return tuple(getattr(call, "singletons", ()))


def singletons(*extra: Singleton[Any]) -> Callable[[Any], AbstractAsyncContextManager[Any]]:
    """A lifespan that opens what the app's routes use, and `extra`.

    For `APIRouter(lifespan=singletons())` or `FastAPI(lifespan=singletons())`. FastAPI merges
    the lifespans of included routers, so that any number of these may meet in one run: the first
    opens, the others find it open. The whole graph is checked before anything opens.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any] | None]:
        outer = _starting.get()
        if outer is not None and outer.app is app:
            for each in extra:
                await outer.open(each)
            yield None
            return
        roots = list(dict.fromkeys([*extra, *declared(app)]))
        async with Run(app) as run:
            run.check(*roots)
            _starting.set(run)
            try:
                for each in roots:
                    await run.open(each)
                yield {STATE: run}
            finally:
                # Not reset(token): a test's fixture may end in another context than it began.
                _starting.set(outer)

    lifespan.singletons = extra  # type: ignore[attr-defined]
    return lifespan


@asynccontextmanager
async def serve(app: Starlette) -> AsyncIterator[ASGIApp]:
    """Run `app`'s lifespan, in a task of its own as a server does, and give an ASGI app that
    carries its state, for ASGITransport."""
    held = _Held(app.router.lifespan_context(app), copy_context())
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
