"""Guards: what a route asks of its caller, as one dependency of FastAPI."""

from datetime import datetime, timedelta
from functools import partial
from typing import ClassVar

from fastapi import Response
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from backoffice.auth import refusals, schemes
from backoffice.auth.allowed import begin_reading
from backoffice.auth.channels import say_on_acceptance
from backoffice.auth.permissions import parsed
from backoffice.auth.principals import Method, Principal
from backoffice.auth.resolution import Resolution, Resolver
from backoffice.auth.services import Services
from backoffice.auth.websockets import answer
from backoffice.core import Forbidden, InvalidInput, Refusal, SetupError, Singleton
from backoffice.core.access import is_public as marked_public
from backoffice.core.access import public as public  # for the routes, beside the guards
from backoffice.core.dependencies import NAMED

#: How far the clocks of two machines may be apart.
SKEW = timedelta(minutes=1)
METHODS: tuple[Method, ...] = ("jwt", "api_key", "session")


def is_public(connection: HTTPConnection) -> bool:
    """Whether the connection's route is marked so."""
    return marked_public(getattr(connection.scope.get("route"), "endpoint", None))


class Guard(SecurityBase):
    """The caller of a route, who must hold what it asks for.

    It is FastAPI's own kind of security scheme, so that a route with a guard solves one dependency:
    each further one, if it only described another scheme, would cost a tenth of a bare request.
    """

    #: Whether nobody may call as well.
    optional: ClassVar[bool] = False

    def __init__(
        self,
        services: Singleton[Services],
        permissions: tuple[str, ...] = (),
        *,
        any_of: tuple[str, ...] | None = None,
        fresh: timedelta | None = None,
        mfa: bool = False,
        verified: bool = False,
        methods: tuple[Method, ...] = METHODS,
    ) -> None:
        self.model = schemes.jwt.model
        self.scheme_name = schemes.jwt.scheme_name
        self.permissions = _declared(permissions)
        self.any_of = _some(any_of)
        self.fresh = _span(fresh)
        self.mfa = mfa
        self.verified = verified
        self.methods = _known(methods)
        self._services = services
        setattr(self, NAMED, (services,))

    async def __call__(self, connection: HTTPConnection) -> Principal | None:
        """The caller; refuses one who lacks something."""
        services = self._services.of(connection)
        resolver = services.resolver
        resolution = resolver.at_once(connection) or await resolver.resolution(connection)
        if connection.scope["type"] == "websocket":
            return self._of_websocket(services, connection, resolution)
        principal = self._judged(services, connection, resolution)
        if services.fields.has_schemas:
            begin_reading(connection, services.fields, principal)
        return principal

    def _of_websocket(
        self, services: Services, connection: HTTPConnection, resolution: Resolution
    ) -> Principal | None:
        """Judged before it is accepted, and watched from then on; fresh it need be only once."""
        try:
            principal = self._judged(services, connection, resolution)
        except Refusal as refusal:
            raise answer(connection, refusal) from None
        if principal is not None:
            check = partial(self._check, services.resolver)
            together = resolution.together or (principal,)
            services.websockets.watch(connection, together, check)
        return principal

    def _judged(
        self, services: Services, connection: HTTPConnection, resolution: Resolution
    ) -> Principal | None:
        principal = resolution.principal
        if principal is None:
            self._check_nobody(services, connection, resolution)
            return None
        try:
            self._check(services.resolver, principal)
            if self.fresh is not None:
                _check_fresh(principal, self.fresh, services.clock.now())
        except Forbidden as refusal:
            refusals.note(connection, refusal, principal)
            raise
        return principal

    def _check_nobody(
        self, services: Services, connection: HTTPConnection, resolution: Resolution
    ) -> None:
        """Where nobody was found: refused, unless the route takes strangers."""
        if is_public(connection):
            return
        if resolution.error is not None:
            raise resolution.error
        if not self.optional:
            raise services.resolver.nobody(connection, resolution)

    def _check(self, resolver: Resolver, principal: Principal) -> None:
        """The order tells a caller first what no other step of theirs can mend."""
        if self.permissions and not principal.can(*self.permissions):
            raise _lacks(resolver, self.permissions, principal)
        if principal.method not in self.methods:
            raise Forbidden(
                f"This takes {' or '.join(self.methods)}, not {principal.method}: send that.",
                code="method_not_accepted",
                methods=list(self.methods),
            )
        if self.any_of and not any(map(principal.can, self.any_of)):
            raise _lacks(resolver, self.any_of, principal)
        if self.verified and not principal.verified:
            raise Forbidden("Confirm your e-mail address first.", code="not_verified")
        if self.mfa and not principal.mfa:
            raise Forbidden("This needs your second factor.", code="mfa_required")


class OptionalGuard(Guard):
    """The caller, or None; a cookie whose session has ended is cleared on the way."""

    optional = True

    async def __call__(  # type: ignore[override]  # FastAPI calls it by its names
        self, connection: HTTPConnection, response: Response
    ) -> Principal | None:
        """The caller, or None where nothing was presented; a bad credential is refused."""
        principal = await super().__call__(connection)
        if principal is None:
            services = self._services.of(connection)
            resolution = await services.resolver.resolution(connection)
            if not resolution.stale_cookie:
                return None
            if isinstance(connection, WebSocket):
                say_on_acceptance(connection, services.cookie.clearing(connection))
            else:
                services.cookie.clear(response, connection)
        return principal


def _check_fresh(principal: Principal, within: timedelta, now: datetime) -> None:
    """A key proves nothing of its owner's presence, however new it is; nor does the future."""
    if principal.method == "api_key" or not -SKEW <= now - principal.auth_time <= within:
        seconds = int(within.total_seconds())
        raise Forbidden(
            f"Prove again who you are: this needs a sign-in within {seconds} seconds.",
            code="not_fresh",
            max_age=seconds,
        )


def _lacks(resolver: Resolver, wanted: tuple[str, ...], principal: Principal) -> Forbidden:
    missing = " ".join(each for each in wanted if not principal.can(each))
    return Forbidden(
        f"This needs the permission {missing}.",
        code="insufficient_scope",
        headers=resolver.challenge("insufficient_scope", missing),
        scope=missing,
    )


def _span(fresh: timedelta | None) -> timedelta | None:
    if fresh is not None and (not isinstance(fresh, timedelta) or fresh <= timedelta(0)):
        raise SetupError(f"fresh is a span of time above zero; got {fresh!r}")
    return fresh


def _some(any_of: tuple[str, ...] | None) -> tuple[str, ...]:
    if any_of is not None and not any_of:
        raise SetupError("any_of=() would let nobody pass; name permissions, or leave it out")
    return _declared(any_of or ())


def _declared(permissions: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(map(parsed, permissions))
    except InvalidInput as error:
        raise SetupError(error.message) from None


def _known(methods: tuple[Method, ...]) -> tuple[Method, ...]:
    unknown = set(methods) - set(METHODS)
    if unknown or not methods:
        raise SetupError(f"methods are some of {', '.join(METHODS)}; got {methods!r}")
    return tuple(each for each in METHODS if each in methods)
