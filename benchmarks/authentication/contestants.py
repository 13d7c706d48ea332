"""What is measured, by the name under which it is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.authentication import ours, peers, rest_framework
from benchmarks.authentication.account import Credentials, Headers, bearer

BARE, FLOOR = "bare FastAPI", "bare FastAPI, as many routes first"
LITESTAR, DJANGO = "bare Litestar", "bare Django"
JWT, KEY, COOKIE = "ours, JWT", "ours, API key", "ours, session cookie"
ROUTER_FIRST = "ours, JWT, our routes first"


@dataclass(frozen=True)
class Contestant:
    """An app that answers `{"v":1}`, and the headers with which it is asked.

    Its floor is the same app without anybody being asked for.
    """

    app: Callable[[], Any]
    headers: Headers
    floor: str = BARE
    path: str = "/books"


async def contestants(credentials: Credentials, django_token: str | None) -> dict[str, Contestant]:
    """All of them; without a token of Django's, only those that can share a process."""
    user = credentials.user_id
    found = {
        BARE: Contestant(ours.bare, []),
        FLOOR: Contestant(ours.floor, [], FLOOR),
        JWT: Contestant(ours.route_first, credentials.by_jwt),
        ROUTER_FIRST: Contestant(ours.router_first, credentials.by_jwt, FLOOR),
        KEY: Contestant(ours.route_first, credentials.by_key),
        COOKIE: Contestant(ours.route_first, credentials.by_cookie),
        "hand-written PyJWT dependency": Contestant(
            peers.pyjwt_dependency, bearer(peers.pyjwt_token(user))
        ),
        "fastapi-users, JWT and user": Contestant(
            peers.fastapi_users, bearer(await peers.fastapi_users_token(credentials))
        ),
        LITESTAR: Contestant(peers.litestar_bare, [], LITESTAR),
        "Litestar, JWT and guard": Contestant(
            peers.litestar_guard, bearer(peers.litestar_token(user)), LITESTAR
        ),
    }
    if django_token is not None:
        found[DJANGO] = Contestant(rest_framework.app, [], DJANGO, "/bare")
        found["DRF, simplejwt, has_perm"] = Contestant(
            rest_framework.app, bearer(django_token), DJANGO
        )
    return found
