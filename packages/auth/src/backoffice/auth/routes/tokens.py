"""Asking what a token is, and ending one (RFC 7662, RFC 7009)."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from backoffice.auth.guards import public
from backoffice.auth.introspection import INTROSPECT
from backoffice.auth.routes.private import PrivateRoute
from backoffice.auth.schemas import TokenStatus
from backoffice.auth.sessions import Client

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth

#: Longer ones are none of ours.
LONGEST_TOKEN = 20_000
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"description": "`invalid_request`: not one token in a form (RFC 6749, 5.2)"},
}
_MESSAGE = "Send one parameter, token, as application/x-www-form-urlencoded."


class TokenRoute(PrivateRoute):
    """A route that refuses what is no form with one token in the words of RFC 6749, 5.2."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler; a client of the RFC reads `error`, one of ours `detail`."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:
                if error.status_code not in (400, 422) or "WWW-Authenticate" in (
                    error.headers or {}
                ):
                    raise
                return _invalid_request(error)

        return handler


async def _presented(
    request: Request,
    token: Annotated[str, Form(max_length=LONGEST_TOKEN)],
    token_type_hint: Annotated[  # noqa: ARG001 - a token says itself of what type it is
        str, Form(description="Taken, and not needed.")
    ] = "",
) -> str:
    """The token; 400 for a parameter that is there twice (RFC 6749, 3.1)."""
    form = await request.form()
    if any(len(form.getlist(name)) > 1 for name in ("token", "token_type_hint")):
        raise HTTPException(HTTPStatus.BAD_REQUEST)
    return token


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes about tokens."""
    services = auth.services
    own = APIRouter(route_class=TokenRoute)

    @own.post(
        "/introspect",
        responses=_REFUSED,
        response_model_exclude_none=True,
        dependencies=[auth.require(INTROSPECT)],
    )
    async def introspect(
        request: Request,
        token: Annotated[str, Depends(_presented)],
    ) -> TokenStatus:
        """What an access token, a refresh token or an API key is good for now."""
        return TokenStatus(**await services.of(request).introspection.of(token))

    @own.post("/revoke", responses=_REFUSED, response_class=Response)
    @public
    async def revoke(
        request: Request,
        token: Annotated[str, Depends(_presented)],
    ) -> Response:
        """End an access token or a refresh token, with its session, or an API key.

        Whoever holds it may. The answer is the same for what is none, or was ended before.
        """
        found, client = services.of(request), Client.of(request)
        await found.limits.may_guess(client)
        if not await found.introspection.end(token, client):
            await found.limits.guessed(client)
        return Response(status_code=HTTPStatus.OK)

    router.include_router(own)


def _invalid_request(error: HTTPException) -> Response:
    code = "invalid_request"
    content = {
        "error": code,
        "error_description": _MESSAGE,
        "detail": {"code": code, "message": _MESSAGE},
    }
    return JSONResponse(content, HTTPStatus.BAD_REQUEST, headers=dict(error.headers or {}))
