"""Which Redis `FastAPILimiter.init` counts in, read from the client that it is given."""

from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.sentinel import Sentinel
from redis.credentials import UsernamePasswordCredentialProvider

from backoffice.core import SetupError
from backoffice.ratelimit.compat import FastAPILimiter
from backoffice.ratelimit.compat.servers import url_of


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost:6379/0",
        "redis://cache.example:7000/3",
        "redis://[::1]:6379/0",
        "redis://:p%40ss%2Fw%3Ard@localhost:6379/0",
        "redis://ada:secret@localhost:6379/0",
        "rediss://localhost:6380/0?ssl_cert_reqs=none",
        "rediss://localhost:6380/0?ssl_ca_certs=%2Fetc%2Fca.pem",
        "unix:///run/redis.sock?db=2",
    ],
)
def test_the_address_leads_to_the_same_server(url: str) -> None:
    """Read from a client, it makes a client that connects with the same arguments."""
    given = redis.asyncio.from_url(url)
    again = redis.asyncio.from_url(url_of(given))
    assert told(again) == told(given)


def told(client: redis.asyncio.Redis) -> dict[str, Any]:
    pool = client.connection_pool
    names = ("host", "port", "path", "db", "username", "password", "ssl_ca_certs", "ssl_cert_reqs")
    found = {name: pool.connection_kwargs.get(name) for name in names}
    found |= {"db": found["db"] or 0, "connection": pool.connection_class}
    return found


def test_what_was_not_made_from_an_address_has_one_too() -> None:
    assert url_of(redis.asyncio.Redis()) == "redis://localhost:6379/0"
    assert url_of(redis.Redis(host="cache", db=1, password="p")) == "redis://:p@cache:6379/1"
    assert url_of(redis.asyncio.Redis(ssl=True)).startswith("rediss://localhost:6379/0")


@pytest.mark.parametrize(
    "client",
    [
        RedisCluster(host="localhost"),
        Sentinel([("localhost", 26379)]).master_for("main"),  # type: ignore[no-untyped-call]
        redis.asyncio.Redis(
            credential_provider=UsernamePasswordCredentialProvider("ada", "a secret")
        ),
        object(),
    ],
    ids=["cluster", "sentinel", "credential provider", "no client"],
)
@pytest.mark.anyio
async def test_an_address_that_cannot_be_read_is_asked_for(client: Any) -> None:
    with pytest.raises(SetupError, match="set BACKOFFICE_REDIS_URL"):
        await FastAPILimiter.init(client)
    assert FastAPILimiter.redis is None
