"""App scope: one object per running app, brought along by `include_router`.

FastAPI's dependencies end with the request. A singleton is an ordinary dependency whose value
is made once per *run* of an app (one pass of its lifespan) and closed, in reverse order, when
that run ends. The run lives in the lifespan state, which servers copy into each request's scope:
two apps in one process, or two test clients on one app, never see each other's values.
"""

import inspect
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Container,
    Iterator,
    Mapping,
    MutableMapping,
)
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from contextlib import contextmanager as sync_context_manager
from contextvars import ContextVar
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Generic, TypeVar, cast, get_args, get_origin, get_type_hints
from typing import overload as typing_overload

import anyio
from fastapi import params
from fastapi.routing import iter_route_contexts
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount

from backoffice.core.errors import SingletonError

T = TypeVar("T")
Scope = MutableMapping[str, Any]
ASGIApp = Callable[[Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]

STATE = "backoffice.run"
_current: ContextVar["Run | None"] = ContextVar("backoffice_run", default=None)
_overrides: ContextVar[Mapping["Singleton[Any]", Any]] = ContextVar(
    "overrides", default=MappingProxyType({})
)


class Singleton(Generic[T]):
    """A value made once per run of the app; use it in a route as `Depends(singleton)`."""

    def __init__(self, factory: Callable[..., Any], name: str | None = None) -> None:
        self.factory = factory
        self.name = name or str(getattr(factory, "__name__", factory))

    async def __call__(self, connection: HTTPConnection) -> T:
        """The dependency itself: the value in this connection's run, opened if it must be."""
        overrides = _overrides.get()
        if self in overrides:
            return cast(T, overrides[self])
        run = running(connection)
        if self in run.values:
            return cast(T, run.values[self])
        return await run.open(self)

    def of(self, connection: HTTPConnection) -> T:
        """The value in this connection's run, for hot paths: one look-up, no `Depends`.

        Raises SingletonError when the app is not running or nothing has opened the value.
        """
        overrides = _overrides.get()
        if self in overrides:
            return cast(T, overrides[self])
        try:
            return cast(T, running(connection).values[self])
        except KeyError:
            raise SingletonError(
                f"{self.name} is not open in this run: no route depends on it. "
                f"Name it in singletons({self.name}), or take it by Depends({self.name})."
            ) from None

    @sync_context_manager
    def override(self, value: T) -> Iterator[T]:
        """Use `value` instead within this context (thread or task) only: for tests."""
        token = _overrides.set({**_overrides.get(), self: value})
        try:
            yield value
        finally:
            _overrides.reset(token)

    def needs(self) -> dict[str, "Singleton[Any] | None"]:
        """Parameter name to the singleton it takes; None where it takes the app.

        Raises SingletonError on a parameter that no run could fill.
        """
        hints = self._hints()
        found: dict[str, Singleton[Any] | None] = {}
        for parameter in inspect.signature(self.factory).parameters.values():
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
        hint = get_type_hints(self.factory).get("return")
        if get_origin(hint) is not None and get_origin(hint) is not UnionType:
            arguments = get_args(hint)
            return arguments[0] if arguments else hint
        return hint

    def _hints(self) -> dict[str, Any]:
        target = self.factory.__init__ if inspect.isclass(self.factory) else self.factory
        return get_type_hints(target, include_extras=True)

    def __repr__(self) -> str:
        return f"<singleton {self.name}>"


def _dependency(hint: Any, parameter: inspect.Parameter) -> Any:
    marks = list(get_args(hint)[1:]) if get_origin(hint) is Annotated else []
    for mark in [*marks, parameter.default]:
        if isinstance(mark, params.Depends):
            return mark.dependency or get_args(hint)[0]
    return None


@typing_overload
def singleton(factory: Callable[..., AsyncIterator[T]]) -> Singleton[T]: ...
@typing_overload
def singleton(factory: Callable[..., Iterator[T]]) -> Singleton[T]: ...
@typing_overload
def singleton(factory: Callable[..., Awaitable[T]]) -> Singleton[T]: ...
@typing_overload
def singleton(factory: Callable[..., T]) -> Singleton[T]: ...
def singleton(factory: Callable[..., Any]) -> Singleton[Any]:
    """Declare an app-scope value by an async generator, generator, coroutine, function or class."""
    return Singleton(factory)


def plan(*roots: Singleton[Any], replaced: Container[Any] = frozenset()) -> list[Singleton[Any]]:
    """Every singleton that the roots reach, dependencies first.

    Those in `replaced` are taken as they are: what they need is not looked at.

    Raises SingletonError, with the path, when the graph cannot be built.
    """
    ordered: list[Singleton[Any]] = []

    def visit(node: Singleton[Any], path: tuple[Singleton[Any], ...]) -> None:
        if node in path:
            circle = (*path[path.index(node) :], node)
            raise SingletonError(f"circular singletons: {_drawn(circle)}")
        if node in ordered:
            return
        try:
            needs = {} if node in replaced else node.needs()
        except SingletonError as error:
            raise SingletonError(f"{error} (reached by {_drawn((*path, node))})") from None
        for need in needs.values():
            if need is not None:
                visit(need, (*path, node))
        ordered.append(node)

    for root in roots:
        visit(root, ())
    return ordered


def _drawn(path: tuple[Singleton[Any], ...]) -> str:
    return " -> ".join(each.name for each in path)


class Run(AbstractAsyncContextManager["Run"]):
    """The singletons alive during one run of an app, or of a command.

    Outside HTTP: `async with Run(app) as run: db = await run.open(database)`.
    """

    def __init__(self, app: Starlette | None = None) -> None:
        self.app = app
        self.values: dict[Singleton[Any], Any] = {}
        self._stack = AsyncExitStack()
        self._lock = anyio.Lock()

    async def __aenter__(self) -> "Run":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.values.clear()
        # aclose, not __aexit__: one part's failure is not thrown into the others, they are closed.
        await self._stack.aclose()

    def check(self, *roots: Singleton[Any]) -> None:
        """Raise SingletonError, before anything opens, when the graph cannot be built."""
        plan(*roots, replaced={*_overrides.get(), *self._replacements()})

    async def open(self, wanted: Singleton[T]) -> T:
        """The value of `wanted`, made with all it needs if this run has not made it yet."""
        overrides = _overrides.get()
        async with self._lock:
            for each in plan(wanted, replaced={*overrides, *self._replacements()}):
                if each not in self.values and each not in overrides:
                    self.values[each] = await self._make(each)
        return cast(T, overrides[wanted] if wanted in overrides else self.values[wanted])

    async def find(self, kind: type[T]) -> T | None:
        """The value of that type among the singletons that the app's routes use, or None."""
        for each in used(self.app.routes) if self.app is not None else ():
            gives = each.gives()
            if inspect.isclass(gives) and issubclass(gives, kind):
                return await self.open(cast(Singleton[T], each))
        return None

    async def _make(self, each: Singleton[Any]) -> Any:
        replaced = self._replacements().get(each)
        try:
            made = replaced() if replaced is not None else each.factory(**self._arguments(each))
            if inspect.isasyncgen(made):
                return await self._stack.enter_async_context(asynccontextmanager(lambda: made)())
            if inspect.isgenerator(made):
                return self._stack.enter_context(sync_context_manager(lambda: made)())
            return await made if inspect.isawaitable(made) else made
        except BaseException as error:
            error.add_note(f"while opening the singleton {each.name}")
            raise

    def _replacements(self) -> dict[Any, Callable[[], Any]]:
        """FastAPI's own `app.dependency_overrides`, which reach into the graph as well."""
        return getattr(self.app, "dependency_overrides", {})

    def _arguments(self, each: Singleton[Any]) -> dict[str, Any]:
        overrides = _overrides.get()
        return {
            name: self.app if need is None else overrides.get(need, self.values.get(need))
            for name, need in each.needs().items()
        }


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


def used(routes: list[BaseRoute]) -> Iterator[Singleton[Any]]:
    """The singletons that these routes, and the apps mounted among them, depend on."""
    seen: set[Singleton[Any]] = set()
    for context in iter_route_contexts(routes):
        if isinstance(context.original_route, Mount):
            pending_mount = used(list(context.original_route.routes))
            yield from (each for each in pending_mount if each not in seen)
        pending = [found] if (found := getattr(context, "dependant", None)) else []
        while pending:
            dependant = pending.pop()
            for each in _carried(dependant.call):
                if each not in seen:
                    seen.add(each)
                    yield each
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
        outer = _current.get()
        if outer is not None and outer.app is app:
            for each in extra:
                await outer.open(each)
            yield None
            return
        roots = list(dict.fromkeys([*extra, *used(app.routes)]))
        async with Run(app) as run:
            run.check(*roots)
            token = _current.set(run)
            try:
                for each in roots:
                    await run.open(each)
                yield {STATE: run}
            finally:
                _current.reset(token)

    return lifespan


@asynccontextmanager
async def serve(app: Starlette) -> AsyncIterator[ASGIApp]:
    """Run `app`'s lifespan and give an ASGI app that carries its state, for ASGITransport."""
    async with app.router.lifespan_context(app) as state:

        async def asgi(scope: Scope, receive: Any, send: Any) -> None:
            scope["state"] = {**scope.get("state", {}), **(state or {})}
            await app(scope, receive, send)

        yield asgi
