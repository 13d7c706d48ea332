"""Factories: what a singleton is made by, what it takes and gives, and how it is entered."""

import contextlib
import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
)
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import BackgroundTasks, Response, params
from pydantic_settings import BaseSettings
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from backoffice.core.errors import SingletonError

_WRAPPING = {AsyncIterator, AsyncGenerator, Iterator, Generator, Awaitable}
_OF_REQUESTS = (HTTPConnection, Response, BackgroundTasks)

#: Stands for the app where a factory takes it, and where it takes None as well.
APP, PERHAPS_APP = Starlette, object()


def name(factory: Any) -> str:
    """Never its repr: that of a partial or a dataclass holds its arguments, a password too."""
    function = _function(factory)
    return str(getattr(function, "__name__", type(function).__name__))


def needs(factory: Callable[..., Any]) -> dict[str, Any]:
    """Parameter name to what FastAPI would fill it with: the callable in its `Depends`, or APP.

    Parameters with a default of their own are left out. Raises SingletonError on one that only a
    request could fill, and on one that nobody could.
    """
    hints, found = _hints(factory), {}
    for parameter in _parameters(factory):
        hint = hints.get(parameter.name, parameter.annotation)
        wanted = _wanted(getattr(hint, "__value__", hint), parameter.default)
        if wanted is _REQUEST:
            raise SingletonError(
                f"{name(factory)}({parameter.name}) takes something of a request; "
                "a singleton outlives requests, so it can take singletons only"
            )
        if wanted is not None:
            found[parameter.name] = wanted
        elif parameter.default is parameter.empty:
            raise SingletonError(
                f"{name(factory)}({parameter.name}) is neither a singleton nor has a default; "
                f"write {parameter.name}: Annotated[..., Depends(some_singleton)]"
            )
    return found


def gives(factory: Callable[..., Any]) -> Any:
    """The type of the value, read from the annotation; None if there is none."""
    if inspect.isclass(factory):
        return factory
    try:
        hint = get_type_hints(_function(factory)).get("return")
    except (NameError, AttributeError, TypeError):
        return None
    return get_args(hint)[0] if get_origin(hint) in _WRAPPING and get_args(hint) else hint


@asynccontextmanager
async def entered(
    factory: Callable[..., Any], arguments: Mapping[str, Any]
) -> AsyncGenerator[Any, None]:
    """The value, made with these arguments, and closed on leaving."""
    made = factory(**arguments)
    if inspect.isasyncgen(made):
        async with asynccontextmanager(lambda: made)() as value:
            yield value
    elif inspect.isgenerator(made):
        with contextmanager(lambda: made)() as value:
            yield value
    elif inspect.isclass(factory):  # its instance is the value, awaitable or not
        yield made
    elif inspect.isawaitable(made):
        yield await made
    elif isinstance(made, Iterator | AsyncIterator | contextlib._GeneratorContextManagerBase):
        # A type checker takes the value for what is iterated, or entered.
        raise SingletonError(
            f"{name(factory)} returns an iterator or a context manager; write `yield` in it, and "
            "neither @contextmanager nor @asynccontextmanager around it"
        )
    else:
        yield made


def runs_at_once(factory: Callable[..., Any]) -> bool:
    """Whether it is a plain function, whose value is there without waiting or closing."""
    kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
    return not any(kind(factory) for kind in kinds)


_REQUEST = object()


def _wanted(hint: Any, default: Any) -> Any:
    kind, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    for mark in [*marks, default]:
        if isinstance(mark, params.Depends):
            return mark.dependency or kind
        if isinstance(mark, params.Param | params.Body):  # Query, Header, Form, ...
            return _REQUEST
    if not inspect.isclass(kind):
        return PERHAPS_APP if _is_perhaps_app(kind) else None
    if _is_app(kind):
        return APP
    return _REQUEST if issubclass(kind, _OF_REQUESTS) else None


def _is_perhaps_app(kind: Any) -> bool:
    of = get_args(kind)
    return len(of) == 2 and type(None) in of and any(map(_is_app, of))


def _is_app(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, Starlette)


def _function(factory: Any) -> Any:
    return getattr(factory, "func", factory)  # of a functools.partial


def _parameters(factory: Callable[..., Any]) -> list[inspect.Parameter]:
    if inspect.isclass(factory) and issubclass(factory, BaseSettings):
        return []  # its fields come from the environment, though they are parameters as well
    try:
        signature = inspect.signature(factory)
    except ValueError:  # builtins such as dict have none
        return []
    found = []
    for each in signature.parameters.values():
        if each.kind is each.POSITIONAL_ONLY and each.default is each.empty:
            raise SingletonError(f"{name(factory)} has positional-only parameters; remove the `/`")
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY):
            found.append(each)
    return found


def _hints(factory: Callable[..., Any]) -> dict[str, Any]:
    target = _function(factory)
    if inspect.isclass(target):
        target = target.__init__
    elif not inspect.isroutine(target):
        target = type(target).__call__
    try:
        return get_type_hints(target, include_extras=True)
    except (NameError, AttributeError, TypeError) as error:
        raise SingletonError(
            f"the annotations of {name(factory)} cannot be read: {error}. "
            "Import what they name in the module itself, not under TYPE_CHECKING."
        ) from None
