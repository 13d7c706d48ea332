"""The account that every contestant lets in, and its credentials."""

from dataclasses import dataclass

from fastapi import FastAPI

from backoffice.auth import Auth
from backoffice.auth.sessions import BROWSER, TOKEN, Client
from backoffice.core import Run

SECRET = "benchmark secret of 32 bytes, at least"
ISSUER = "backoffice"
EMAIL, PASSWORD, PERMISSION = "ann@example.com", "correct horse battery", "books:read"
LIFETIME = 3600

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Credentials:
    """What our app takes, and whose it is."""

    user_id: str
    jwt: str
    key: str
    cookie: str

    @property
    def by_jwt(self) -> Headers:
        return bearer(self.jwt)

    @property
    def by_key(self) -> Headers:
        return [(b"x-api-key", self.key.encode())]

    @property
    def by_cookie(self) -> Headers:
        return [(b"cookie", f"backoffice_session={self.cookie}".encode())]


def bearer(token: str) -> Headers:
    return [(b"authorization", f"Bearer {token}".encode())]


async def created() -> Credentials:
    """An account with one permission, by a role, in the database of the settings."""
    auth, app = Auth(), FastAPI()
    auth.permission(PERMISSION, "See books")
    app.include_router(auth.router)
    async with Run(app) as run:
        services = await run.open(auth.services)
        await services.roles.create("reader", [PERMISSION], actor="benchmark")
        user = await services.users.create(EMAIL, PASSWORD, roles=["reader"], actor="benchmark")
        sign_in = services.sign_in.with_password
        _, client = await sign_in(EMAIL, PASSWORD, TOKEN, Client())
        _, browser = await sign_in(EMAIL, PASSWORD, BROWSER, Client())
        _, key = await services.keys.create(
            user, "benchmark", scopes=[PERMISSION], actor="benchmark"
        )
        return Credentials(
            user_id=str(user.id),
            jwt=services.sessions.tokens(client).access_token,
            key=key,
            cookie=services.sessions.cookie(browser),
        )
