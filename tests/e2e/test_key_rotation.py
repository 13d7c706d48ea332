"""Keys are rotated while two servers work: nobody is signed out, until somebody wants that."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from jwt import get_unverified_header

from tests.e2e.processes import Backoffice, Shop
from tests.services.databases import SQLiteDatabases


@pytest.fixture
def environment(tmp_path: Path, sqlite_databases: SQLiteDatabases) -> Iterator[dict[str, str]]:
    with sqlite_databases.empty() as url:
        yield {
            "BACKOFFICE_DATABASE_URL": url,
            "BACKOFFICE_SECRET_KEY": "a secret that both of the servers have",
            "BACKOFFICE_AUTH__KEY_RING": str(tmp_path / "keys.json"),
        }


@pytest.fixture
def command(tmp_path: Path, environment: dict[str, str]) -> Backoffice:
    return Backoffice(tmp_path, environment)


@pytest.fixture
def servers(
    tmp_path: Path, environment: dict[str, str], command: Backoffice
) -> Iterator[list[Shop]]:
    command.does("secrets", "rotate", "--alg", "ES256", "--lead", "0s")
    with Shop(tmp_path / "demo", environment) as one, Shop(tmp_path / "demo", environment) as other:
        yield [one, other]


class Visitors:
    """Sign in at one server and show the token to both, again and again."""

    def __init__(self, servers: list[Shop]) -> None:
        self.answers: Counter[int] = Counter()
        self._servers = servers
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(each,)) for each in servers]

    def __enter__(self) -> "Visitors":
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for each in self._threads:
            each.join()

    def _visit(self, home: Shop) -> None:
        pair = home.login("editor@example.com", self._servers[0].password("editor"))
        while not self._done.is_set():
            for shop in self._servers:
                self.answers[shop.get("/api/whoami", token=pair["access_token"]).status_code] += 1
            body = {"refresh_token": pair["refresh_token"]}
            answer = home.post("/auth/refresh", json=body)
            self.answers[answer.status_code] += 1
            pair = answer.json()


def test_keys_rotate_under_load_and_nobody_is_signed_out(
    servers: list[Shop], command: Backoffice
) -> None:
    first = servers[0].token("editor")
    with Visitors(servers) as visitors:
        rotated = command.does("secrets", "rotate", "--lead", "10s")
        assert [each["state"] for each in rotated["keys"]] == ["next", "signs", "verifies"]
        for shop in servers:
            wait_until(partial(publishes, shop, rotated["added"]))
            wait_until(partial(signs_by, shop, rotated["added"]))
        wait_until(lambda: visitors.answers.total() > 20)
    assert visitors.answers.keys() == {200}, visitors.answers
    # The new key signs by now, and the old one is believed.
    after = servers[1].token("editor")
    for shop in servers:
        assert shop.get("/api/whoami", token=first).status_code == 200
        assert shop.get("/api/whoami", token=after).status_code == 200


def test_a_key_that_leaked_is_refused_by_every_server_within_seconds(
    servers: list[Shop], command: Backoffice
) -> None:
    stolen = servers[0].token("editor")
    assert [each.get("/api/whoami", token=stolen).status_code for each in servers] == [200, 200]
    command.does("secrets", "rotate", "--lead", "0s", "--overlap", "0s")
    for shop in servers:
        wait_until(partial(refuses, shop, stolen))
    fresh = servers[0].token("editor")
    assert [each.get("/api/whoami", token=fresh).status_code for each in servers] == [200, 200]


def publishes(shop: Shop, kid: str) -> bool:
    keys = shop.get("/auth/.well-known/jwks.json").json()["keys"]
    return kid in {each["kid"] for each in keys}


def signs_by(shop: Shop, kid: str) -> bool:
    return str(get_unverified_header(shop.token("support"))["kid"]) == kid


def refuses(shop: Shop, token: str) -> bool:
    return shop.get("/api/whoami", token=token).status_code == 401


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
