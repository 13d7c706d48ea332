"""The keys by which others verify our tokens."""

import hashlib
import json
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from backoffice.auth.guards import public
from backoffice.auth.rotation import PUBLISHED_FOR

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth

MEDIA_TYPE = "application/jwk-set+json"  # RFC 7517, 8.5.2
_CACHED = f"public, max-age={int(PUBLISHED_FOR.total_seconds())}"


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the route of the public keys."""

    @router.get(
        "/.well-known/jwks.json",
        response_class=Response,
        responses={
            200: {"description": "The public keys", "content": {MEDIA_TYPE: {}}},
            304: {"description": "The keys are those that the client has"},
        },
    )
    @public
    async def jwks(request: Request) -> Response:
        """The public keys by which access tokens verify; none while a secret signs them."""
        services = auth.services.of(request)
        keys = services.ring.public_keys(services.clock.now())
        body = json.dumps({"keys": keys}, separators=(",", ":")).encode()
        headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"', "Cache-Control": _CACHED}
        if _has(request, headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=MEDIA_TYPE)


def _has(request: Request, tag: str) -> bool:
    """Whether the client says that it holds this very answer (RFC 9110, 13.1.2)."""
    held = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
    return "*" in held or tag in (each.removeprefix("W/") for each in held)
