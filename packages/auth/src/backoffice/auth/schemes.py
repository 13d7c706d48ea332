"""How OpenAPI speaks of the ways to sign in: the schemes of a route are alternatives.

The schemes only describe; resolving the caller reads the headers itself, for FastAPI's own
schemes cannot tell a missing credential from a bad one.
"""

from fastapi.openapi.models import APIKey, APIKeyIn, HTTPBearer
from fastapi.security.base import SecurityBase


class BearerScheme(SecurityBase):
    """`Authorization: Bearer <access token>`."""

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="An access token of POST /login.")
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
