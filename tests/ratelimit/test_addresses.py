"""Whom a stranger is counted as."""

import logging
import random
from ipaddress import IPv6Address

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from backoffice.core import Run, SetupError, singletons
from backoffice.core.singletons import STATE
from backoffice.ratelimit import client_address, client_network, ratelimit_settings

PROXY = "10.0.0.5"


def seen(peer: str | None, *forwarded: str) -> tuple[str, str]:
    """The client's address and network, of a request from `peer` with these header lines.

    None is what servers give for the peer on a Unix socket.
    """
    app = FastAPI(lifespan=singletons(ratelimit_settings))

    @app.get("/")
    async def read(request: Request) -> tuple[str, str]:
        return client_address(request), client_network(request)

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        scope["client"] = peer and (peer, 50000)
        await app(scope, receive, send)

    with TestClient(asgi) as client:
        found = client.get("/", headers=[("X-Forwarded-For", line) for line in forwarded]).json()
    return found[0], found[1]


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8:ffff::/48")


def test_without_trusted_proxies_nothing_that_is_forwarded_counts() -> None:
    assert seen("203.0.113.9", "6.6.6.6")[0] == "203.0.113.9"
    assert seen(PROXY, "6.6.6.6")[0] == PROXY
    assert seen(None, "6.6.6.6")[0] == "unknown"


@pytest.mark.usefixtures("proxies")
@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("8.8.8.8", ["1.1.1.1"], "8.8.8.8"),
        (PROXY, [], PROXY),
        (PROXY, ["203.0.113.9"], "203.0.113.9"),
        (PROXY, ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (PROXY, ["6.6.6.6, 203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        (PROXY, ["6.6.6.6", "203.0.113.9", "10.0.0.7"], "203.0.113.9"),
        (PROXY, ["203.0.113.9, garbage"], PROXY),
        (PROXY, ["203.0.113.9, garbage, 10.0.0.7"], "10.0.0.7"),
        (PROXY, ["203.0.113.9,"], PROXY),
        (PROXY, ["9" * 5000], PROXY),
        (PROXY, ["10.0.0.9"], "10.0.0.9"),
        ("::ffff:10.0.0.5", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("2001:db8:ffff::1", ["2001:db8:1:2::9"], "2001:db8:1:2::9"),
        ("testclient", ["203.0.113.9"], "testclient"),
        (None, ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (None, ["6.6.6.6, 203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        (None, [], "unknown"),
    ],
)
def test_forwarded_addresses_count_from_the_right_as_far_as_proxies_are_trusted(
    peer: str | None, forwarded: list[str], address: str
) -> None:
    assert seen(peer, *forwarded)[0] == address


@pytest.mark.usefixtures("proxies")
def test_a_chain_longer_than_any_real_one_is_not_walked_to_its_end() -> None:
    endless = ", ".join(["203.0.113.9", *["10.0.0.7"] * 1000])
    assert seen(PROXY, endless)[0] == "10.0.0.7"


@pytest.mark.parametrize(
    ("peer", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("testclient", "testclient"),
    ],
)
def test_an_ipv6_customer_is_one_network(peer: str, network: str) -> None:
    assert seen(peer)[1] == network


@pytest.mark.anyio
async def test_a_network_that_is_none_is_a_setup_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__TRUSTED_PROXIES", "10.0.0.0/8, everyone")
    async with Run() as run:
        with pytest.raises(SetupError, match="BACKOFFICE_RATELIMIT__TRUSTED_PROXIES"):
            await run.open(ratelimit_settings)


FORWARDED = [(b"x-forwarded-for", b"203.0.113.9")]


async def warnings_of(
    caplog: pytest.LogCaptureFixture, *requests: tuple[tuple[str, int] | None, object]
) -> list[str]:
    """What one run says to requests from these clients with these headers."""
    async with Run() as run:
        await run.open(ratelimit_settings)
        for client, headers in requests:
            state = {"state": {STATE: run}}
            client_address(
                HTTPConnection({"type": "http", "client": client, "headers": headers} | state)
            )
    return [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]


@pytest.mark.anyio
async def test_a_forwarding_header_that_nobody_is_trusted_with_is_told_once_per_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (told,) = await warnings_of(caplog, (("10.0.0.5", 1), []), *[(("10.0.0.5", 1), FORWARDED)] * 3)
    assert told.startswith("limits: 10.0.0.5 sends X-Forwarded-For")
    assert len(await warnings_of(caplog, (("10.0.0.5", 1), FORWARDED))) == 2


@pytest.mark.anyio
async def test_a_header_that_the_server_has_read_or_a_trusted_proxy_wrote_is_no_news(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await warnings_of(caplog, (("203.0.113.9", 0), FORWARDED), (None, FORWARDED)) == []
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__TRUSTED_PROXIES", "10.0.0.0/8")
    assert await warnings_of(caplog, (("10.0.0.5", 1), FORWARDED)) == []


@pytest.mark.anyio
async def test_65536_addresses_of_sixteen_customers_are_sixteen_callers() -> None:
    chance = random.Random(6)
    found = set()
    async with Run() as run:
        await run.open(ratelimit_settings)
        scope: Scope = {"type": "http", "headers": [], "state": {STATE: run}}
        for _ in range(2**16):
            customer, interface = chance.getrandbits(4), chance.getrandbits(64)
            address = str(IPv6Address((0x20010DB8 << 96) + (customer << 64) + interface))
            scope["client"] = (address, 1)
            found.add(client_network(HTTPConnection(scope)))
    assert found == {f"2001:db8:0:{number:x}::/64" for number in range(1, 16)} | {"2001:db8::/64"}
