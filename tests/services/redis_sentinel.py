"""A primary of Redis with a replica, watched by one Sentinel or three."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import redis

from tests.services.process import ServiceError, free_port
from tests.services.redis import redis_at

NAME = "limits"
START_SECONDS = 90

WATCH = """
sentinel monitor {name} 127.0.0.1 {port} {quorum}
sentinel down-after-milliseconds {name} 500
sentinel failover-timeout {name} 2000
"""


class RedisSentinel:
    """Two servers, of which Sentinel says which is the primary."""

    def __init__(self, servers: Sequence[int], sentinels: Sequence[int]) -> None:
        self.servers = servers
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        """The address, by way of Sentinel."""
        places = ",".join(f"127.0.0.1:{port}" for port in self.sentinels)
        return f"redis+sentinel://{places}/{NAME}/0"

    @property
    def primary(self) -> int:
        """The port of the primary, as Sentinel says."""
        return int(self.ask(self.sentinels[-1], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])

    def ask(self, port: int, *command: str | int) -> Any:
        """The reply of one server."""
        with redis.Redis(port=port, decode_responses=True) as client:
            return client.execute_command(*command)

    def process(self, port: int) -> int:
        """The number of its process."""
        with redis.Redis(port=port) as client:
            return int(client.info("server")["process_id"])

    def fail_over(self) -> None:
        """Have the replica take the primary's place, with both alive."""
        self.ask(self.sentinels[0], "SENTINEL", "FAILOVER", NAME)


@contextlib.contextmanager
def redis_sentinel(sentinels: int = 1) -> Iterator[RedisSentinel]:
    """Run the two servers and their Sentinels while the block runs."""
    ports = [free_port() for _ in range(2 + sentinels)]
    primary, replica, *watchers = ports
    watch = WATCH.format(name=NAME, port=primary, quorum=sentinels // 2 + 1)
    with contextlib.ExitStack() as stack:
        stack.enter_context(redis_at(primary, "repl-diskless-sync-delay 0\n"))
        stack.enter_context(redis_at(replica, f"replicaof 127.0.0.1 {primary}\n"))
        for port in watchers:
            stack.enter_context(redis_at(port, watch, "--sentinel"))
        service = RedisSentinel([primary, replica], watchers)
        _await_watch(service)
        yield service


def _await_watch(service: RedisSentinel) -> None:
    """Until a failover could succeed."""
    deadline = time.monotonic() + START_SECONDS
    while not all(_sees_all(service, port) for port in service.sentinels):
        if time.monotonic() > deadline:
            raise ServiceError("Sentinel did not find the replica")
        time.sleep(0.05)


def _sees_all(service: RedisSentinel, port: int) -> bool:
    replies = service.ask(port, "SENTINEL", "REPLICAS", NAME)
    with redis.Redis(port=port, decode_responses=True) as client:
        others = client.sentinel_master(NAME)["num-other-sentinels"]
    linked = [each for each in replies if "'master-link-status': 'ok'" in str(_pairs(each))]
    return len(linked) == 1 and int(others) == len(service.sentinels) - 1


def _pairs(reply: Any) -> dict[str, str]:
    if isinstance(reply, dict):
        return reply
    return dict(zip(reply[::2], reply[1::2], strict=True))
