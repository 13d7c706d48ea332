"""`Auth`: what an app includes, and what its routes ask."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Response, params
from starlette.requests import HTTPConnection

from backoffice.auth import audit, schemes
from backoffice.auth.events import AuthEvent
from backoffice.auth.permissions import parsed
from backoffice.auth.principals import Principal
from backoffice.auth.routes import account_router
from backoffice.auth.services import Services, opened
from backoffice.auth.settings import AuthSettings
from backoffice.core import (
    Callers,
    Clock,
    Database,
    Events,
    Forbidden,
    InvalidInput,
    Listeners,
    Settings,
    SetupError,
    Singleton,
    callers,
    clock,
    database,
    events,
    reads,
    settings,
    singleton,
)
from backoffice.core.events import E, Handler, HandlerWithin
from backoffice.core.settings import load
from backoffice.ratelimit import Limiter, limiter

_Core = Annotated[Settings, Depends(settings)]
_Database = Annotated[Database, Depends(database)]
_Events = Annotated[Events, Depends(events)]
_Clock = Annotated[Clock, Depends(clock)]
_Callers = Annotated[Callers, Depends(callers)]
_Limiter = Annotated[Limiter, Depends(limiter)]
_Jwt = Annotated[None, Depends(schemes.jwt)]
_ApiKey = Annotated[None, Depends(schemes.api_key)]


class Auth:
    """Sign-in by JWT, API key or session cookie, for an app that includes `auth.router`.

    Settings come from `BACKOFFICE_AUTH__...` when the app starts, unless given here.
    """

    def __init__(self, settings: AuthSettings | None = None) -> None:
        self._settings = settings
        self._listeners = Listeners()
        #: The settings of the running app.
        self.settings: Singleton[AuthSettings] = singleton(self._found)
        #: The services of the running app, for packages above and for commands.
        self.services: Singleton[Services] = self._services()
        #: `app.include_router(auth.router, prefix="/auth")`.
        self.router: APIRouter = account_router(self)

    def require(self, *permissions: str, any_of: tuple[str, ...] = ()) -> params.Depends:
        """The caller, who must hold every permission, and one of `any_of` if it is given.

        For `Annotated[Principal, auth.require("books:read")]` or `dependencies=[...]`. Without
        permissions anybody signed in will do. Nobody: 401; a bad credential: 401
        `invalid_token`; a permission missing: 403 `insufficient_scope`.
        """
        every, some = _declared(permissions), _declared(any_of)

        @reads(self.services)
        async def required(connection: HTTPConnection, _: _Jwt, __: _ApiKey) -> Principal:
            resolver = self.services.of(connection).resolver
            resolution = await resolver.resolution(connection)
            if resolution.error is not None:
                raise resolution.error
            if resolution.principal is None:
                raise resolver.nobody(connection, resolution)
            _check(resolution.principal, every, some, resolver.challenge)
            return resolution.principal

        return params.Depends(required)

    def optional(self) -> params.Depends:
        """The caller, or None if no credential was presented; a bad one is still refused.

        For `Annotated[Principal | None, auth.optional()]`.
        """

        @reads(self.services)
        async def asked(
            connection: HTTPConnection, response: Response, _: _Jwt, __: _ApiKey
        ) -> Principal | None:
            services = self.services.of(connection)
            resolution = await services.resolver.resolution(connection)
            if resolution.error is not None:
                raise resolution.error
            if resolution.stale_cookie:
                services.cookie.clear(response, connection)
            return resolution.principal

        return params.Depends(asked)

    def on(self, event: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Call the decorated coroutine after each event of that type, once it is committed.

        What it raises is logged and breaks nothing.
        """
        return self._listeners.on(event)

    def within(self, event: type[E]) -> Callable[[HandlerWithin[E]], HandlerWithin[E]]:
        """Call the decorated coroutine, with the open session, before an event's commit.

        What it adds is committed with the change, what it raises refuses the change.
        """
        return self._listeners.within(event)

    def _found(self) -> AuthSettings:
        return self._settings or load(AuthSettings)

    def _services(self) -> Singleton[Services]:
        @singleton
        async def services(
            core: _Core,
            own: Annotated[AuthSettings, Depends(self.settings)],
            database: _Database,
            events: _Events,
            clock: _Clock,
            callers: _Callers,
            limiter: _Limiter,
        ) -> AsyncIterator[Services]:
            async with opened(core, own, database, events, clock, limiter) as services:
                events.within(AuthEvent)(audit.AuditLog(clock).record)
                events.attach(self._listeners)
                callers.register(_identified_by(services), _permitted_by(services))
                yield services

        return services


def _declared(permissions: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(map(parsed, permissions))
    except InvalidInput as error:
        raise SetupError(error.message) from None


def _check(
    principal: Principal,
    every: tuple[str, ...],
    some: tuple[str, ...],
    challenge: Callable[[str, str], dict[str, str]],
) -> None:
    missing = [each for each in every if not principal.can(each)]
    if some and not any(map(principal.can, some)):
        missing += some
    if missing:
        wanted = " ".join(missing)
        raise Forbidden(
            f"This needs the permission {wanted}.",
            code="insufficient_scope",
            headers=challenge("insufficient_scope", wanted),
            scope=wanted,
        )


def _identified_by(services: Services) -> Callable[[HTTPConnection], Awaitable[str | None]]:
    async def identify(connection: HTTPConnection) -> str | None:
        """The key, else the user; a bad credential names nobody: its address is counted."""
        principal = (await services.resolver.resolution(connection)).principal
        if principal is None:
            return None
        return audit.key(principal.key_id) if principal.key_id else principal.name

    return identify


def _permitted_by(services: Services) -> Callable[[HTTPConnection, str], Awaitable[bool]]:
    async def permits(connection: HTTPConnection, permission: str) -> bool:
        resolution = await services.resolver.resolution(connection)
        if resolution.error is not None:
            raise resolution.error
        return resolution.principal is not None and resolution.principal.can(permission)

    return permits
