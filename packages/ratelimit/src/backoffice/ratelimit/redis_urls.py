"""The address of a Redis: read once, and connected to as often as needed."""

from typing import Any, cast

from redis.asyncio.connection import AbstractConnection, parse_url
from redis.asyncio.connection import Connection as TCPConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from backoffice.core import SetupError
from backoffice.ratelimit.exchange import Connection

#: Of pools, which there are none of here.
OF_POOLS = ("max_connections", "timeout")

ADVICE = (
    "BACKOFFICE_REDIS_URL is not the address of a Redis; "
    "write redis://user:password@host:6379/0, rediss:// for TLS"
)

#: Seconds for one step of a connection; requests have deadlines of their own.
STEP = 1.0


class Address:
    """A server, and how to sign in there."""

    def __init__(self, kind: type[AbstractConnection], options: dict[str, Any]) -> None:
        self._kind = kind
        self._options = options
        self._connection()

    async def connect(self) -> Connection:
        """A new connection, signed in."""
        connection = self._connection()
        await connection.connect()
        return connection

    def _connection(self) -> Connection:
        return cast(Connection, self._kind(**self._options, **_ours()))


def read(url: str) -> Address:
    """The address that is written there; raises SetupError, which does not repeat it."""
    try:
        options: dict[str, Any] = {**parse_url(url)}
        kind = options.pop("connection_class", TCPConnection)
        for name in (*OF_POOLS, *_ours()):
            options.pop(name, None)
        return Address(kind, {"protocol": 2, **options})
    except (ValueError, TypeError):
        raise SetupError(ADVICE) from None


def _ours() -> dict[str, Any]:
    return {
        # Deadlines are held by whoever waits; what is set here costs a timer at each reply.
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
