"""Support for the tests of an app with accounts: users, roles, and clients that are signed in.

All of it goes through the services of the running app: the rows, the credentials and every
decision upon them are those of production. Nothing that a server runs imports this.
"""

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, Unpack
from uuid import UUID

from starlette.datastructures import URL
from starlette.requests import HTTPConnection
from starlette.responses import Response as StarletteResponse

from backoffice.auth.models import Role, User
from backoffice.auth.passwords import Passwords
from backoffice.auth.principals import Method
from backoffice.auth.services import Services
from backoffice.auth.sessions import BROWSER, TOKEN, Client
from backoffice.auth.users import Users
from backoffice.core.errors import NotFound, SetupError
from backoffice.core.testing import RunningApp
from backoffice.core.testing.apps import BASE_URL

if TYPE_CHECKING:
    from httpx2 import AsyncClient
    from starlette.testclient import TestClient

#: How events and the audit log name who made the accounts.
ACTOR = "test"
#: Of every account that is made without one.
PASSWORD = "correct horse battery staple"  # noqa: S105


class Caller(TypedDict, total=False):
    """Who signs in, and by what; see `Accounts.signed_in`."""

    user: User | UUID | int
    roles: Iterable[str]
    permissions: Iterable[str]
    superuser: bool
    method: Method
    scopes: Iterable[str]


class Accounts:
    """The accounts of a running app: `Accounts(running).signed_in(permissions=["books:read"])`."""

    def __init__(self, app: RunningApp) -> None:
        self._app = app
        found = app.call(app.run.find(Services))
        if found is None:
            raise SetupError("the app has no accounts: it includes no auth.router")
        #: What the app itself works with: `running.call(accounts.services.users.find(...))`.
        self.services: Services = found

    def user(
        self,
        email: str | None = None,
        *,
        password: str = PASSWORD,
        roles: Iterable[str] = (),
        permissions: Iterable[str] = (),
        superuser: bool = False,
    ) -> User:
        """A new account. It holds these roles, which must exist, and one of its own with these
        permissions. Without an address it gets one that is not taken."""
        return self._app.call(self._created(email, password, superuser, roles, permissions))

    def role(self, name: str, *permissions: str) -> Role:
        """A new role."""
        return self._app.call(self.services.roles.create(name, permissions, actor=ACTOR))

    def signed_in(self, email: str | None = None, **caller: Unpack[Caller]) -> "TestClient":
        """A client that presents a credential of its own: of a new user, or of the one who has
        this address or is given as `user`, and who gets the roles and permissions besides.

        `method` is `jwt` (an access token), `session` (a browser's cookie) or `api_key`, which
        `scopes` keep to some permissions. Nobody gave a password, so that no SignedIn is told.
        """
        credential = self._app.call(self._credential(email, caller))
        client = self._app.client(credential.headers, base_url=credential.base_url)
        credential.give(client)
        return client

    def signed_in_async(self, email: str | None = None, **caller: Unpack[Caller]) -> "AsyncClient":
        """The same for async tests."""
        credential = self._app.call(self._credential(email, caller))
        client = self._app.async_client(credential.headers, base_url=credential.base_url)
        credential.give(client)
        return client

    async def _created(
        self,
        email: str | None,
        password: str,
        superuser: bool,
        roles: Iterable[str],
        permissions: Iterable[str],
    ) -> User:
        address = email or f"user-{token_hex(4)}@example.com"
        users = _users(self.services)
        user = await users.create(address, password, superuser=superuser, actor=ACTOR)
        await self._grant(user, roles, permissions)
        return user

    async def _grant(self, user: User, roles: Iterable[str], permissions: Iterable[str]) -> None:
        found, names = self.services.roles, [*roles]
        if wanted := [*permissions]:
            names.append(f"test role {token_hex(4)}")
            await found.create(names[-1], wanted, actor=ACTOR)
        for name in names:
            try:
                await found.grant(user.id, name, actor=ACTOR)
            except NotFound as error:
                error.add_note(f"make it: backoffice_accounts.role({name!r}, 'books:read')")
                raise

    async def _account(self, email: str | None, caller: Caller) -> User:
        user, superuser = caller.get("user"), caller.get("superuser", False)
        roles, permissions = caller.get("roles", ()), caller.get("permissions", ())
        if email is not None and user is not None:
            raise TypeError("signed_in takes an address or a user, not both")
        found = await self._existing(email, user)
        if found is None:
            return await self._created(email, PASSWORD, superuser, roles, permissions)
        if superuser and not found.is_superuser:
            await self.services.users.change(found.id, {"is_superuser": True}, actor=ACTOR)
        await self._grant(found, roles, permissions)
        return found

    async def _existing(self, email: str | None, user: User | UUID | int | None) -> User | None:
        users = self.services.users
        if user is not None:
            # Any: the class of an adopted table is another one, and its key may be an integer.
            id: Any = user if isinstance(user, UUID | int) else user.id
            return await users.get(id)
        try:
            return None if email is None else await users.find(email)
        except NotFound:
            return None

    async def _credential(self, email: str | None, caller: Caller) -> "_Credential":
        method = caller.get("method", "jwt")
        if method not in ("jwt", "session", "api_key"):
            raise TypeError(f"method is jwt, session or api_key, not {method!r}")
        if "scopes" in caller and method != "api_key":
            raise TypeError("scopes keep an API key to some permissions: method='api_key'")
        user = await self._account(email, caller)
        if method == "api_key":
            scopes = caller.get("scopes")
            made = self.services.keys.create(user, "test", scopes=scopes, actor=ACTOR)
            return _Credential({"X-API-Key": (await made)[1]})
        return await self._of_session(user, TOKEN if method == "jwt" else BROWSER)

    async def _of_session(self, user: User, kind: str) -> "_Credential":
        sessions = self.services.sessions
        row = sessions.opened(user, kind, Client())
        async with self.services.database.session() as session:
            session.add(row)
            await session.commit()
        if kind == TOKEN:
            return _Credential({"Authorization": f"Bearer {sessions.tokens(row).access_token}"})
        return _browser(self.services, sessions.cookie(row))


@dataclass(frozen=True)
class _Credential:
    headers: dict[str, str] = field(repr=False)
    set_cookie: str = field(default="", repr=False)
    base_url: str = BASE_URL

    def give(self, client: "TestClient | AsyncClient") -> None:
        """Let the client keep the cookie as if the app had sent it."""
        from httpx2 import Request, Response

        headers = {"set-cookie": self.set_cookie} if self.set_cookie else {}
        answer = Response(200, headers=headers, request=Request("GET", self.base_url))
        client.cookies.extract_cookies(answer)


def _browser(services: Services, cookie: str) -> _Credential:
    scheme = "https" if services.settings.cookie_secure else "http"
    url = URL(BASE_URL).replace(scheme=scheme)
    scope = {"type": "http", "scheme": scheme, "server": (url.hostname, None), "path": "/"}
    answer = StarletteResponse()
    services.cookie.set(answer, HTTPConnection({**scope, "headers": []}), cookie)
    # What a browser says of a request that a page of this site makes.
    return _Credential({"Sec-Fetch-Site": "same-origin"}, answer.headers["set-cookie"], str(url))


def _users(services: Services) -> Users:
    """The app's own users, but that a password which was hashed before is not hashed again."""
    users = copy(services.users)
    users._passwords = _Remembering(services.passwords)
    return users


class _Remembering(Passwords):
    """Hashes each password once per process: argon2 is meant to take its time."""

    _hashes: ClassVar[dict[str, str]] = {}

    def __init__(self, passwords: Passwords) -> None:
        # Without super(), which would start threads: whatever it does, the app's own does.
        self._passwords = passwords

    async def check(self, password: str, about: Iterable[str] = ()) -> None:
        await self._passwords.check(password, about)

    async def hashed(self, password: str) -> str:
        if password not in self._hashes:
            self._hashes[password] = await self._passwords.hashed(password)
        return self._hashes[password]
