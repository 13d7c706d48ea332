"""What an address of Redis says: servers, users, databases, TLS."""

import pytest
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection

from backoffice.core import SetupError
from backoffice.ratelimit.redis_urls import ClusterAddress, SentinelAddress, Server, read


def connection(server: Server) -> Connection:
    found = server._connection()
    assert isinstance(found, Connection)
    return found


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "password", "database"),
    [
        ("redis://", "localhost", 6379, None, None, 0),
        ("redis://one:1/3", "one", 1, None, None, 3),
        ("redis://ada:p%40ss@one", "one", 6379, "ada", "p@ss", 0),
        ("redis://:pass@[::1]:7/2?max_connections=3", "::1", 7, None, "pass", 2),
        ("rediss://one?ssl_cert_reqs=none", "one", 6379, None, None, 0),
    ],
)
def test_a_single_server(
    url: str, host: str, port: int, user: str | None, password: str | None, database: int
) -> None:
    server = read(url)
    assert isinstance(server, Server)
    found = connection(server)
    assert (found.host, found.port, found.db) == (host, port, database)
    assert (found.username, found.password) == (user, password)
    assert isinstance(found, SSLConnection) is url.startswith("rediss")


def test_a_socket() -> None:
    server = read("unix:///run/redis.sock?db=2")
    assert isinstance(server, Server)
    found = server._connection()
    assert isinstance(found, UnixDomainSocketConnection)
    assert (found.path, found.db) == ("/run/redis.sock", 2)


def test_a_cluster() -> None:
    """All its servers have one user and password."""
    address = read("redis+cluster://ada:p%40ss@one,two:2,[::1]:3")
    assert isinstance(address, ClusterAddress)
    found = [connection(seed) for seed in address.seeds]
    assert [(each.host, each.port) for each in found] == [("one", 6379), ("two", 2), ("::1", 3)]
    assert {(each.username, each.password) for each in found} == {("ada", "p@ss")}


def test_sentinels() -> None:
    """Who signs in at the servers has a name and a password of its own at the Sentinels."""
    url = "rediss+sentinel://ada:pass@one,two:2/my%20shop/3?sentinel_password=w%26rd"
    address = read(url)
    assert isinstance(address, SentinelAddress)
    assert address.primary == "my shop"
    found = [connection(each) for each in address.sentinels]
    assert [(each.host, each.port, each.db) for each in found] == [("one", 26379, 0), ("two", 2, 0)]
    assert {(each.username, each.password) for each in found} == {(None, "w&rd")}
    server = connection(address.server.at("three", 4))
    assert (server.host, server.port, server.db) == ("three", 4, 3)
    assert (server.username, server.password) == ("ada", "pass")
    assert all(isinstance(each, SSLConnection) for each in [*found, server])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hunter2@one", "write redis://user:password@host:6379/0"),
        ("redis://:hunter2@one:port", "write redis://user:password@host:6379/0"),
        ("redis://:hunter2@one?nonsense=1", "write redis://user:password@host:6379/0"),
        ("redis+cluster://:hunter2@one,,two", "redis+cluster://user:password@host:6379,host:6379"),
        ("redis+cluster://:hunter2@one/1", "a Cluster has no database but 0"),
        ("redis+sentinel://:hunter2@one", "redis+sentinel://host:26379/name-of-the-primary/0"),
        ("redis+sentinel://:hunter2@one/shop/x", "redis+sentinel://user:password@host:26379"),
        ("redis+nonsense://:hunter2@one", "write redis://user:password@host:6379/0"),
    ],
)
def test_what_is_no_address_says_how_to_write_one_and_repeats_nothing(url: str, said: str) -> None:
    with pytest.raises(SetupError) as refusal:
        read(url)
    assert said in str(refusal.value)
    assert "hunter2" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_no_reply_is_waited_for_by_redis_py_itself() -> None:
    """Its deadlines and attempts would stand beside ours, whatever the address says."""
    server = read("redis://one?socket_timeout=9&retry_on_timeout=yes&health_check_interval=1")
    assert isinstance(server, Server)
    found = connection(server)
    assert (found.socket_timeout, found.health_check_interval) == (None, 0)
    assert found.retry.get_retries() == 0
