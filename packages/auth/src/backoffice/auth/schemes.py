"""How OpenAPI speaks of the ways to sign in: the schemes of a route are alternatives.

The schemes only describe; resolving the caller reads the headers itself, for FastAPI's own
schemes cannot tell a missing credential from a bad one.
"""

from typing import Any

from fastapi.openapi.models import APIKey, APIKeyIn, HTTPBearer
from fastapi.security.base import SecurityBase


class BearerScheme(SecurityBase):
    """`Authorization: Bearer <access token>`."""

    def __init__(self) -> None:
        self.model = HTTPBearer(
            bearerFormat="JWT",
            description="An access token of POST /login. An API key is taken here as well.",
        )
        self.scheme_name = "JWT"

    async def __call__(self) -> None:
        """Describes only."""


class ApiKeyScheme(SecurityBase):
    """`X-API-Key: <key>`."""

    def __init__(self) -> None:
        # FastAPI's model spells the field `in_` and takes it by its alias.
        self.model = APIKey.model_validate(
            {"in": APIKeyIn.header, "name": "X-API-Key", "description": "A key of POST /api-keys."}
        )
        self.scheme_name = "ApiKey"

    async def __call__(self) -> None:
        """Describes only."""


jwt = BearerScheme()
api_key = ApiKeyScheme()


def password(token_url: str, permissions: list[str]) -> dict[str, Any]:
    """Signing in within the document's own page (OAuth 2.0's password flow, RFC 6749, 4.3)."""
    return {
        "type": "oauth2",
        "description": (
            "Signs in by address and password. The token may do what its owner may; the scopes "
            "only name what operations ask for."
        ),
        "flows": {"password": {"tokenUrl": token_url, "scopes": dict.fromkeys(permissions, "")}},
    }


def session_cookie(name: str) -> dict[str, Any]:
    """The cookie by which a browser is signed in."""
    return {
        "type": "apiKey",
        "in": "cookie",
        "name": name,
        "description": "The cookie of a browser that is signed in; changes need its own site.",
    }
