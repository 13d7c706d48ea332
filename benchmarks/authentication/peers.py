"""The same route behind what people use today on FastAPI, and on Litestar."""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_users import FastAPIUsers
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from litestar import Litestar, get
from litestar.connection import ASGIConnection
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.security.jwt import JWTAuth, Token

from backoffice.auth import User
from backoffice.auth.passwords import Passwords
from backoffice.auth.user_manager import UserManager
from backoffice.core import Clock, Database, Settings
from benchmarks.authentication.account import LIFETIME, PERMISSION, SECRET, Credentials

ALGORITHM = "HS256"


def pyjwt_token(user: str) -> str:
    claims = {"sub": user, "exp": int(time.time()) + LIFETIME, "scopes": [PERMISSION]}
    return jwt.encode(claims, SECRET, ALGORITHM)


def pyjwt_dependency() -> FastAPI:
    """As FastAPI's tutorial has it: no database, nothing can be revoked."""
    app, scheme = FastAPI(), HTTPBearer()

    async def current(
        given: Annotated[HTTPAuthorizationCredentials, Depends(scheme)],
    ) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(given.credentials, SECRET, [ALGORITHM])
        except jwt.InvalidTokenError:
            raise HTTPException(401) from None
        if PERMISSION not in claims["scopes"]:
            raise HTTPException(403)
        return claims

    @app.get("/books")
    async def books(who: Annotated[dict[str, Any], Depends(current)]) -> dict[str, int]:
        return {"v": 1}

    return app


def fastapi_users() -> FastAPI:
    """As its documentation has it, but that it reads our table of users: it has no permissions."""
    settings = Settings()
    database = Database(settings.database_url.get_secret_value())
    passwords = Passwords()

    async def manager() -> AsyncIterator[UserManager]:
        async with database.session() as session:
            yield UserManager(session, passwords, Clock())

    backend = AuthenticationBackend[User, uuid.UUID](
        name="jwt", transport=BearerTransport(tokenUrl="login"), get_strategy=get_strategy
    )
    current = FastAPIUsers[User, uuid.UUID](manager, [backend]).current_user(active=True)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await database.close()
        passwords.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/books")
    async def books(user: Annotated[User, Depends(current)]) -> dict[str, int]:
        return {"v": 1}

    return app


def get_strategy() -> JWTStrategy[User, uuid.UUID]:
    return JWTStrategy(secret=SECRET, lifetime_seconds=LIFETIME)


async def fastapi_users_token(credentials: Credentials) -> str:
    user = User.model_construct(id=uuid.UUID(credentials.user_id))
    return await get_strategy().write_token(user)


async def _from_token(token: Token, _: ASGIConnection[Any, Any, Any, Any]) -> Token:
    return token


def _permitted(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    if PERMISSION not in connection.user.extras["scopes"]:
        raise PermissionDeniedException


def litestar_token(user: str) -> str:
    """Without the header's `Bearer `."""
    return _litestar_auth().create_token(user, token_extras={"scopes": [PERMISSION]})


def _litestar_auth() -> JWTAuth[Any]:
    return JWTAuth[Any](
        retrieve_user_handler=_from_token,
        token_secret=SECRET,
        default_token_expiration=timedelta(seconds=LIFETIME),
    )


def litestar_bare() -> Litestar:
    @get("/books")
    async def books() -> dict[str, int]:
        return {"v": 1}

    return Litestar([books])


def litestar_guard() -> Litestar:
    """Its JWT middleware and a guard: no database, nothing can be revoked."""

    @get("/books", guards=[_permitted])
    async def books() -> dict[str, int]:
        return {"v": 1}

    return Litestar([books], on_app_init=[_litestar_auth().on_app_init])
