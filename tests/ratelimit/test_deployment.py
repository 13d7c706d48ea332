"""What doctor says of proxies, and of the clock of Redis."""

from ipaddress import ip_network

import pytest

from backoffice.core import Finding, Run
from backoffice.ratelimit import deployment
from backoffice.ratelimit.deployment import deployment_checks
from tests.ratelimit.fallible_redis import FallibleRedis

pytestmark = pytest.mark.anyio


async def findings() -> dict[str, Finding]:
    async with Run() as run:
        return {each.id: each async for each in deployment_checks(run)}


@pytest.mark.parametrize(
    ("trusted", "believed", "level", "said"),
    [
        ("", "", "ok", "a client is whoever connects"),
        ("10.0.0.0/8, 2001:db8::/32", "", "ok", "10.0.0.0/8, 2001:db8::/32"),
        ("10.0.0.0/8, 0.0.0.0/0", "", "error", "0.0.0.0/0 are trusted"),
        ("::/0", "", "error", "::/0 are trusted"),
        ("", "*", "error", "FORWARDED_ALLOW_IPS=*"),
        ("10.0.0.0/8", "*", "error", "FORWARDED_ALLOW_IPS=*"),
        ("10.0.0.0/8", "10.0.0.1, 0.0.0.0/0", "error", "FORWARDED_ALLOW_IPS=0.0.0.0/0"),
        ("10.0.0.0/8", "::/0", "error", "FORWARDED_ALLOW_IPS=::/0"),
        ("10.0.0.0/8", "10.0.0.1,*", "error", "FORWARDED_ALLOW_IPS=*"),
        ("10.0.0.0/8", "10.0.0.1, /run/proxy.sock", "ok", "10.0.0.0/8"),
        ("", "10.0.0.1", "warning", "BACKOFFICE_RATELIMIT__TRUSTED_PROXIES none"),
        ("10.0.0.1/32", "10.0.0.1", "ok", "10.0.0.1/32"),
    ],
)
async def test_clients_cannot_say_themselves_where_they_come_from(
    monkeypatch: pytest.MonkeyPatch, trusted: str, believed: str, level: str, said: str
) -> None:
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__TRUSTED_PROXIES", trusted)
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", believed)
    found = (await findings())["ratelimit.proxies"]
    assert (found.level, said in found.message) == (level, True)


def test_the_widest_networks_are_those_of_private_use() -> None:
    for private in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fd00::/16"):
        network = ip_network(private)
        assert network.prefixlen >= deployment.WIDEST[network.version]


async def test_the_clock_of_redis_is_asked(
    fallible_redis: FallibleRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await findings())["ratelimit.clock"].level == "ok"
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
    found = (await findings())["ratelimit.clock"]
    assert (found.level, "Redis is" in found.message) == ("error", True)


async def test_a_redis_that_does_not_answer_has_no_clock(fallible_redis: FallibleRedis) -> None:
    with fallible_redis.hung():
        assert "ratelimit.clock" not in await findings()
