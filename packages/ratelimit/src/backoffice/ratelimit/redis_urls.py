"""The address of a Redis, a Cluster or a Sentinel: read once, connected to as often as needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.connection import Connection as TCPConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from backoffice.core import SetupError
from backoffice.ratelimit.exchange import Connection

ADVICE = (
    "BACKOFFICE_REDIS_URL is not the address of a Redis; write "
    "redis://user:password@host:6379/0, "
    "redis+cluster://user:password@host:6379,host:6379 for a Cluster or "
    "redis+sentinel://user:password@host:26379,host:26379/name-of-the-primary/0 for Sentinel, "
    "with the password percent-encoded; rediss:// for TLS"
)

REDIS_PORT, SENTINEL_PORT = 6379, 26379

#: Seconds for one step of connecting. Whoever waits has a deadline of its own.
STEP = 1.0

#: Options of redis-py's pools, which there are none of here.
OF_POOLS = ("max_connections", "timeout")
#: Options of ours, for signing in to Sentinel itself.
OF_SENTINEL = ("sentinel_username", "sentinel_password")


class Server:
    """One server, and how to sign in there."""

    def __init__(self, kind: type[AbstractConnection], options: dict[str, Any]) -> None:
        self._kind = kind
        self._options = options
        self._connection()  # raises what is wrong with the options

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        return self._options.get("host", "localhost"), self._options.get("port", REDIS_PORT)

    def at(self, host: str, port: int) -> "Server":
        """Another server, where one signs in likewise."""
        return Server(self._kind, {**self._options, "host": host, "port": port})

    def signing_in(self, user: str | None, password: str | None) -> "Server":
        """The same server, where one signs in so; it has no numbered databases."""
        options = {**self._options, "username": user, "password": password, "db": 0}
        return Server(self._kind, options)

    async def connect(self) -> Connection:
        """A new connection, signed in."""
        connection = self._connection()
        await connection.connect()
        return connection

    def _connection(self) -> Connection:
        return cast(Connection, self._kind(**self._options, **_ours()))


@dataclass(frozen=True)
class ClusterAddress:
    """Servers of a Cluster, any of which knows the others."""

    seeds: Sequence[Server]


@dataclass(frozen=True)
class SentinelAddress:
    """Sentinels, and the name under which they watch a primary."""

    sentinels: Sequence[Server]
    primary: str
    #: How to sign in at the primary, wherever it is.
    server: Server


def read(url: str) -> Server | ClusterAddress | SentinelAddress:
    """The address that is written there; raises SetupError, which does not repeat it."""
    try:
        scheme, plus, kind = urlsplit(url).scheme.partition("+")
        if not plus:
            return _server(url)
        if scheme in {"redis", "rediss"} and kind == "cluster":
            return _cluster(scheme, url)
        if scheme in {"redis", "rediss"} and kind == "sentinel":
            return _sentinel(scheme, url)
    except (ValueError, TypeError, AttributeError):
        # From None: what was raised may repeat the password.
        raise SetupError(ADVICE) from None
    raise SetupError(ADVICE)


def _server(url: str) -> Server:
    options: dict[str, Any] = {**parse_url(url)}
    kind = options.pop("connection_class", TCPConnection)
    for name in (*OF_POOLS, *OF_SENTINEL, *_ours()):
        options.pop(name, None)
    # RESP2 signs in with a round trip less, and says the same.
    return Server(kind, {"protocol": 2, **options})


def _cluster(scheme: str, url: str) -> ClusterAddress:
    places, path = _places(url, REDIS_PORT), urlsplit(url).path
    if path.strip("/") not in {"", "0"}:
        raise SetupError("BACKOFFICE_REDIS_URL: a Cluster has no database but 0; leave it out")
    server = _server(_single(scheme, url, "0"))
    return ClusterAddress([server.at(*place) for place in places])


def _sentinel(scheme: str, url: str) -> SentinelAddress:
    parts = urlsplit(url)
    primary, _, database = parts.path.removeprefix("/").partition("/")
    if not primary:
        raise SetupError(
            "BACKOFFICE_REDIS_URL: Sentinel needs the name of the primary that it watches; write "
            "redis+sentinel://host:26379/name-of-the-primary/0"
        )
    server = _server(_single(scheme, url, str(int(database or "0"))))
    options = parse_qs(parts.query)
    user, password = (options.get(name, [None])[0] for name in OF_SENTINEL)
    guard = server.signing_in(user, password)
    sentinels = [guard.at(*place) for place in _places(url, SENTINEL_PORT)]
    return SentinelAddress(sentinels, unquote(primary), server)


def _places(url: str, port: int) -> list[tuple[str, int]]:
    hosts = urlsplit(url).netloc.rpartition("@")[2].split(",")
    parts = [urlsplit(f"//{host}") for host in hosts]
    return [(unquote(_host(each.hostname)), each.port or port) for each in parts]


def _host(name: str | None) -> str:
    if not name:
        raise ValueError
    return name


def _single(scheme: str, url: str, database: str) -> str:
    """As if there were one server: user, password and options are the same for all."""
    parts = urlsplit(url)
    who, at, _ = parts.netloc.rpartition("@")
    return f"{scheme}://{who}{at}localhost/{database}?{parts.query}"


def _ours() -> dict[str, Any]:
    return {
        # Deadlines are held by whoever waits; one set here costs a timer at each reply.
        "socket_timeout": None,
        "socket_connect_timeout": STEP,
        # A script that timed out may have run: to send it again could spend twice.
        "retry": Retry(NoBackoff(), 0),
        "retry_on_timeout": False,
        "health_check_interval": 0,
        "decode_responses": False,
        # A round trip less before the first request.
        "driver_info": None,
        # With them on, redis-py takes a connection that Redis closed for a good one.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
