"""`Auth`: what an app includes, and what its routes ask."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, params
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request

from backoffice.auth import audit
from backoffice.auth.catalogue import Catalogue
from backoffice.auth.events import AuthEvent
from backoffice.auth.guards import METHODS, Guard, OptionalGuard
from backoffice.auth.limits import policies as own_policies
from backoffice.auth.objects import ObjectGuard
from backoffice.auth.openapi import Described
from backoffice.auth.policies import Policy
from backoffice.auth.principals import Method
from backoffice.auth.protection import Protection
from backoffice.auth.routes import account_router
from backoffice.auth.rules import Rules
from backoffice.auth.services import Services, opened
from backoffice.auth.settings import AuthSettings
from backoffice.auth.user_manager import UserManager
from backoffice.auth.user_models import UserModel
from backoffice.auth.user_records import UserRecords
from backoffice.core import (
    Callers,
    Clock,
    Database,
    Events,
    InvalidInput,
    Listeners,
    NotFound,
    Settings,
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
from backoffice.core.mail import Outbox, outbox
from backoffice.core.settings import load
from backoffice.ratelimit import Limiter, RateLimitSettings, limiter, ratelimit_settings
from backoffice.ratelimit.events import LimitChanged
from backoffice.ratelimit.policies import Policies, policies

_Core = Annotated[Settings, Depends(settings)]
_Database = Annotated[Database, Depends(database)]
_Events = Annotated[Events, Depends(events)]
_Clock = Annotated[Clock, Depends(clock)]
_Callers = Annotated[Callers, Depends(callers)]
_Limiter = Annotated[Limiter, Depends(limiter)]
_Outbox = Annotated[Outbox, Depends(outbox)]
_Policies = Annotated[Policies, Depends(policies)]

#: A guard keeps nothing open, so that any scope will do; without one, FastAPI works it out anew at
#: each request.
_SCOPE: Final = "request"


class Auth(Rules):
    """Sign-in by JWT, API key or session cookie, for an app that includes `auth.router`.

    Settings come from `BACKOFFICE_AUTH__...` when the app starts, unless given here. `manager` is a
    subclass of UserManager with hooks of one's own. `user_model` is the app's own class of users,
    or a UserModel that says what its table calls what we need; SetupError where it will not do.
    `policies` are those that `@policy(Model, "action")` has made.
    """

    def __init__(
        self,
        settings: AuthSettings | None = None,
        *,
        user_model: type[Any] | UserModel | None = None,
        manager: type[UserManager] = UserManager,
        policies: Sequence[Policy[Any]] = (),
    ) -> None:
        #: Which table the users are in.
        self.users: UserRecords = _records(user_model)
        self._settings = settings
        self._manager = manager
        self._listeners = Listeners()
        self._openings: list[Callable[[Services], None]] = []
        super().__init__(policies)
        self._object_guards: list[ObjectGuard] = []
        #: The settings of the running app.
        self.settings: Singleton[AuthSettings] = Singleton(self._found, "auth_settings")
        #: The services of the running app, for packages above and for commands.
        self.services: Singleton[Services] = self._services()
        #: `app.include_router(auth.router, prefix="/auth")`.
        self.router: APIRouter = account_router(self)

    def require(
        self,
        *permissions: str,
        any_of: tuple[str, ...] | None = None,
        fresh: timedelta | None = None,
        mfa: bool = False,
        verified: bool = False,
        methods: tuple[Method, ...] = METHODS,
        on: Callable[..., Any] | None = None,
    ) -> params.Depends:
        """The caller, who must hold every permission, and one of `any_of` if it is given.

        For `Annotated[Principal, auth.require("books:read")]` or `dependencies=[...]`, on a route,
        a router or the app. Without permissions anybody signed in will do. `fresh` is how long ago
        the caller may have proved who they are, `mfa` asks for a second factor, `verified` for a
        confirmed address, and `methods` names the credentials accepted (`jwt`, `api_key`,
        `session`).

        Nobody: 401; a bad credential: 401 `invalid_token`; a permission missing: 403
        `insufficient_scope`; else 403 `method_not_accepted`, `not_verified`, `mfa_required` or
        `not_fresh`.

        `on` is the app's own dependency that gives the object, or None for one that there is not:
        404. The policies of its model for these actions must let the caller at it; whom they do
        not: 403 `not_permitted` if they may see it, else the same 404.
        """
        guard = Guard(
            self.services,
            permissions,
            any_of=any_of,
            fresh=fresh,
            mfa=mfa,
            verified=verified,
            methods=methods,
        )
        if on is None:
            return params.Depends(guard, scope=_SCOPE)
        judging = ObjectGuard(guard, self.services, self.policies, on)
        self._object_guards.append(judging)
        return params.Depends(judging)

    def permission(self, name: str, description: str = "") -> str:
        """Declare a permission of the app, and say what it is for; gives the name.

        For `READ = auth.permission("books:read", "See books")`. An app that declares one declares
        all that it asks for: it does not start where a guard asks for another. Without any, what
        guards ask for is what there is. SetupError for what is no single permission.
        """
        return self.declarations.declare(name, description)

    def optional(
        self,
        *permissions: str,
        any_of: tuple[str, ...] | None = None,
        fresh: timedelta | None = None,
        mfa: bool = False,
        verified: bool = False,
        methods: tuple[Method, ...] = METHODS,
    ) -> params.Depends:
        """The caller, or None if no credential was presented; a bad one is still refused.

        For `Annotated[Principal | None, auth.optional()]`. Whoever does call must hold what is
        asked for, as with `require`.
        """
        return params.Depends(
            OptionalGuard(
                self.services,
                permissions,
                any_of=any_of,
                fresh=fresh,
                mfa=mfa,
                verified=verified,
                methods=methods,
            ),
            scope=_SCOPE,
        )

    def csrf_token(self) -> params.Depends:
        """A token for a form: `Annotated[str, auth.csrf_token()]` where the form is rendered.

        It goes into the field `csrf_token`, or the header `X-CSRF-Token` of a script. "" for a
        caller without a session cookie.
        """

        @reads(self.services)
        async def csrf_token(connection: HTTPConnection) -> str:
            return await self.services.of(connection).csrf.token_for(connection)

        return params.Depends(csrf_token)

    def csrf(self) -> params.Depends:
        """Refuse a form that no page of the caller's session has sent: 403 `csrf_failed`.

        For `dependencies=[auth.csrf()]` where the form is taken.
        """

        @reads(self.services)
        async def csrf(request: Request) -> None:
            await self.services.of(request).csrf.check_request(request)

        return params.Depends(csrf)

    def openapi(self, app: FastAPI, *, token_url: str | None = None) -> None:
        """Write into the app's OpenAPI document who may call what, as the guards have it.

        The ways to sign in as alternatives, `{}` where nobody may call as well, permissions as
        scopes, and the refusals; "Authorize" of Swagger UI signs in by password. `token_url` is
        the address of `POST /login`, for an app that does not include `auth.router` itself.
        """
        # FastAPI's documented way to extend the document.
        app.openapi = Described(app, self.router, self._found, token_url)  # type: ignore[method-assign]

    def protect(self, app: FastAPI, *, public: Sequence[str] = ()) -> None:
        """Let the app start only once each of its routes says who may call it.

        Mounted apps, static files, websockets, hosts and the pages of documentation count as well.
        A route says so by a guard, wherever among its dependencies, or by `@public`; `public` names
        paths besides, and mounts with all that is in them: `public=["/docs", "/static"]`. What is
        added after the start, and says nothing, answers 503 `route_unprotected`.

        For the outermost app, after all is included. The start raises SetupError, which names each
        route and what to do about it; so does this, where it is called twice or too late.
        """
        Protection(app, public).install()

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

    def opening(self, work: Callable[[Services], None]) -> None:
        """Call `work` with the services of each run of the app, before anybody uses them.

        For packages above, in servers and commands alike.
        """
        self._openings.append(work)

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
            outbox: _Outbox,
            policies: _Policies,
            app: Starlette | None,
            # Reads the addresses of clients, however the limiter is replaced.
            _: Annotated[RateLimitSettings, Depends(ratelimit_settings)],
        ) -> AsyncIterator[Services]:
            for each in self._object_guards:
                each.check_policies()
            narrowed = self.policies.permissions()
            known = (
                Catalogue()
                if app is None
                else self.declarations.catalogue(app, self.services, narrowed)
            )
            async with opened(
                core,
                own,
                database,
                events,
                clock,
                limiter,
                outbox,
                self._manager,
                self.users,
                known,
                self.policies,
                self.field_rules,
            ) as services:
                record = services.audit.record
                events.within(AuthEvent)(record)
                events.within(LimitChanged)(record)
                events.attach(self._listeners)
                for work in self._openings:
                    work(services)
                callers.register(
                    _identified_by(services),
                    _permitted_by(services),
                    _found_by(services),
                    _roles_by(services),
                )
                policies.register(*own_policies(own))
                yield services

        return services


def _records(user_model: type[Any] | UserModel | None) -> UserRecords:
    if user_model is None:
        return UserRecords()
    return user_model if isinstance(user_model, UserModel) else UserModel(user_model)


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


def _roles_by(services: Services) -> Callable[[HTTPConnection], Awaitable[frozenset[str]]]:
    async def roles(connection: HTTPConnection) -> frozenset[str]:
        """Those of the caller's account; a bad credential has none."""
        principal = (await services.resolver.resolution(connection)).principal
        return frozenset() if principal is None else principal.roles

    return roles


def _found_by(services: Services) -> Callable[[str], Awaitable[str | None]]:
    async def find(written: str) -> str | None:
        """The account with that address or id."""
        try:
            id = _id(services, written) or (await services.users.find(written)).id
            return audit.user((await services.users.get(id)).id)
        except (NotFound, InvalidInput):
            return None

    return find


def _id(services: Services, written: str) -> UUID | None:
    try:
        return services.records.read_id(written.lower())
    except ValueError:
        return None
